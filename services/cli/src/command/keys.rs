//! The keys that sign grants.

use assent_proto::approval::v1::{GetKeysRequest, RotateKeysRequest, VerifyingKey};

use crate::app::App;
use crate::client::ask;
use crate::output::{Line, moment, plain, table};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assent keys\n  assent keys rotate")]
pub(crate) struct Keys {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Put a new key in the place of the one that signs; for administrators
    Rotate,
}

impl Keys {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut gate = app.client()?.gate();
        match self.what {
            Some(What::Rotate) => {
                let answer = gate.rotate_keys(ask(RotateKeysRequest::default())).await?.into_inner();
                let keys: Vec<_> = answer.key.iter().cloned().collect();
                app.console.message(&answer, || rows(&keys))
            }
            None => {
                let answer = gate.get_keys(ask(GetKeysRequest {})).await?.into_inner();
                app.console.message(&answer, || rows(&answer.keys))
            }
        }
    }
}

fn rows(keys: &[VerifyingKey]) -> Vec<Line> {
    let row = |key: &VerifyingKey| {
        let public: String = key.public_key.iter().map(|byte| format!("{byte:02x}")).collect();
        let until = key.retire_time.as_ref();
        let signs = until.map_or_else(|| "yes".to_owned(), |time| format!("until {}", moment(Some(time))));
        vec![key.key_id.clone(), moment(key.create_time.as_ref()), signs, public]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    table(&["KEY", "MADE", "SIGNS", "PUBLIC KEY (ED25519)"], &rows).lines().map(plain).collect()
}
