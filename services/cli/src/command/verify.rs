use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assent_core::Timestamp;
use assent_evidence::{Jwks, Proof, PublicKeys, verify};
use serde_json::json;

use crate::app::App;
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, plain, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent verify bundle evidence.json --keys keys.json")]
pub(crate) struct Verify {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check an evidence bundle without any server; fails when anything in it was changed or does not fit
    Bundle {
        /// The file
        file: PathBuf,
        /// Public keys as `assent audit keys` prints them, got by a way that you trust; without them the keys in the
        /// file itself are taken
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
}

impl Verify {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Action::Bundle { file, keys } = self.action;
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let trusted = keys.as_deref().map(read_keys).transpose()?;
        let proof = match verify(&bytes, trusted.as_ref()) {
            Ok(proof) => proof,
            Err(problems) => {
                app.console.say(
                    problems
                        .iter()
                        .map(|problem| toned("✗ ", Tone::Bad).then(problem.to_string(), Tone::Plain)),
                );
                return Err(stop(Exit::Failure, "the bundle proves nothing"));
            }
        };
        if app.console.for_people() {
            app.console.print(lines(&proof))?;
        } else {
            app.console.value(&value(&proof))?;
        }
        if proof.own_keys {
            let text = "checked with the keys in the file itself; give --keys to know who signed it";
            app.console.say([toned(text, Tone::Warn)]);
        }
        Ok(())
    }
}

fn read_keys(path: &Path) -> anyhow::Result<PublicKeys> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the keys {}", path.display()))?;
    let set: Jwks =
        serde_json::from_str(&text).with_context(|| format!("{} is no set of keys", path.display()))?;
    PublicKeys::read(&set.keys).ok_or_else(|| stop(Exit::Usage, "only Ed25519 keys are known"))
}

fn signed_at(proof: &Proof) -> String {
    let time = proof.signed_at.checked_mul(1_000_000).and_then(Timestamp::from_micros);
    time.map(|time| time.to_string()).unwrap_or_default()
}

fn lines(proof: &Proof) -> Vec<Line> {
    let outcome = proof.outcome.as_deref().unwrap_or("nothing decided");
    let by = if proof.approvers.is_empty() {
        String::new()
    } else {
        format!(" by {}", proof.approvers.join(", "))
    };
    vec![
        toned("✓ ", Tone::Good).then(format!("{}: {outcome}{by}", proof.session), Tone::Plain),
        plain(format!("  {}", proof.goal)),
        plain(format!(
            "  {} audit entries, {} of them under a signed tree head",
            proof.entries, proof.logged
        )),
        plain(format!("  signed {}", signed_at(proof))),
    ]
}

fn value(proof: &Proof) -> serde_json::Value {
    json!({
        "session": proof.session,
        "goal": proof.goal,
        "outcome": proof.outcome,
        "approvers": proof.approvers,
        "entries": proof.entries,
        "logged_entries": proof.logged,
        "signed_at": signed_at(proof),
        "own_keys": proof.own_keys,
    })
}
