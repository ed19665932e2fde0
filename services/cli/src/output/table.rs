//! Tables on stdout: aligned columns without borders, easy to cut.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::text::clean;

/// Rows below their heads; every cell is cleaned.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(heads.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell).into_owned()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
