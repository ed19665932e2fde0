use assent_proto::approval::v1::{
    ContactAddresses, DeleteUserRequest, GetUserRequest, ListUsersRequest, ListUsersResponse,
    UpsertUserRequest, User,
};

use crate::app::App;
use crate::client::ask;
use crate::output::{Line, Tone, plain, table, toned};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent users set ada@example.com --role lead --group security --email ada@example.com"
)]
pub(crate) struct Users {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List everybody who is known
    List,
    /// Show what is known of a user
    Show {
        /// The user; you when not given
        #[arg(default_value = "", hide_default_value = true)]
        user: String,
    },
    /// Write a user's entry in the directory, whole: what is not given is taken away
    Set(Set),
    /// Take a user out of the directory
    Delete {
        /// The user
        user: String,
    },
}

#[derive(Debug, clap::Args)]
struct Set {
    /// The user
    user: String,
    /// For display
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A group; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Mail address
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    email: String,
    /// Slack user id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    slack: String,
    /// Incoming webhook of Microsoft Teams
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    teams: String,
    /// HTTP endpoint
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    webhook: String,
}

impl Users {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut directory = app.client()?.directory();
        match self.action {
            Action::List => {
                let mut all = ListUsersResponse::default();
                let mut request = ListUsersRequest { page_size: 1000, ..Default::default() };
                loop {
                    let page = directory.list_users(ask(request.clone())).await?.into_inner();
                    all.users.extend(page.users);
                    request.page_token = page.next_page_token;
                    if request.page_token.is_empty() {
                        break;
                    }
                }
                if !app.console.for_people() {
                    return app.console.message(&all, Vec::new);
                }
                let rows: Vec<_> = all.users.iter().map(row).collect();
                Ok(app.console.text(&table(&["USER", "NAME", "ROLES", "GROUPS", "TAGS"], &rows))?)
            }
            Action::Show { user } => {
                let answer = directory.get_user(ask(GetUserRequest { user_id: user })).await?.into_inner();
                let user = answer.user.unwrap_or_default();
                app.console.message(&user, || lines(&user))
            }
            Action::Set(set) => {
                let request = UpsertUserRequest { user: Some(set.entry()), ..Default::default() };
                let answer = directory.upsert_user(ask(request)).await?.into_inner();
                let user = answer.user.unwrap_or_default();
                app.console.message(&user, || lines(&user))
            }
            Action::Delete { user } => {
                let request = DeleteUserRequest { user_id: user.clone(), ..Default::default() };
                let answer = directory.delete_user(ask(request)).await?.into_inner();
                app.console.message(&answer, || {
                    vec![plain(format!("{user} has no entry in the directory any more"))]
                })
            }
        }
    }
}

impl Set {
    fn entry(self) -> User {
        let Self { user: id, name, roles, groups, tags, email, slack, teams, webhook } = self;
        let contacts = Some(ContactAddresses { email, slack, teams, webhook });
        User { id, name, roles, groups, tags, contacts, ..User::default() }
    }
}

/// What the credential gives, and what the directory adds.
fn both(credential: &[String], directory: &[String]) -> String {
    let added = directory.iter().filter(|name| !credential.contains(name));
    credential.iter().chain(added).cloned().collect::<Vec<_>>().join(", ")
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.id.clone(),
        user.name.clone(),
        both(&user.credential_roles, &user.roles),
        both(&user.credential_groups, &user.groups),
        user.tags.join(", "),
    ]
}

fn lines(user: &User) -> Vec<Line> {
    let contacts = user.contacts.clone().unwrap_or_default();
    let fields = [
        ("id", user.id.clone()),
        ("name", user.name.clone()),
        ("roles", both(&user.credential_roles, &user.roles)),
        ("groups", both(&user.credential_groups, &user.groups)),
        ("tags", user.tags.join(", ")),
        ("email", contacts.email),
        ("slack", contacts.slack),
        ("teams", contacts.teams),
        ("webhook", contacts.webhook),
    ];
    let shown = fields.into_iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| toned(format!("{name:<8}"), Tone::Dim).then(value, Tone::Plain)).collect()
}
