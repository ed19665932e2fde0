//! Who there is: what credentials say, and what the directory adds.

use std::collections::BTreeMap;
use std::path::Path;

use assent_core::page::Page;
use assent_core::{Actor, ActorKind, ContextSource, Digest, OpContext, Timestamp, actor};
use assent_events::append;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_runtime::BuildError;
use assent_store::{Db, Tx};
use serde_json::json;

use super::App;
use super::once::{Once, retried};
use super::record::audit_directory;
use crate::domain::directory::{Delegation, DirectoryFile, User};
use crate::domain::member::{Member, person};
use crate::error::GateError;
use crate::grpc::people::user_to_pb;
use crate::store;

/// Somebody with everything that is known.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// With the roles and groups of credential and directory together.
    pub(crate) actor: Actor,
    /// Tags of the directory.
    pub(crate) tags: Vec<String>,
}

impl Known {
    /// What the credential says of `actor`, and what the directory adds.
    pub(super) fn with(actor: &Actor, user: Option<&User>) -> Self {
        let mut actor = actor.clone();
        let Some(user) = user else { return Self { actor, tags: Vec::new() } };
        let add = |own: &mut Vec<String>, more: &[String]| {
            for name in more {
                if !own.contains(name) {
                    own.push(name.clone());
                }
            }
        };
        add(&mut actor.roles, &user.roles);
        add(&mut actor.groups, &user.groups);
        if actor.name.is_empty() {
            actor.name.clone_from(&user.name);
        }
        Self { actor, tags: user.tags.clone() }
    }

    /// Somebody of whom only the directory knows.
    fn of_directory(user: &User) -> Self {
        let nobody = Actor {
            id: user.id.clone(),
            kind: ActorKind::User,
            name: String::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            credential: String::new(),
            on_behalf_of: String::new(),
        };
        Self::with(&nobody, Some(user))
    }

    /// As rules see the person.
    pub(crate) fn member(&self) -> Member {
        Member::of(&self.actor, &self.tags)
    }
}

/// A user as it is shown.
pub(crate) struct Shown {
    pub(crate) user: User,
    /// What the credential says, where one is known.
    pub(crate) credential: Option<Actor>,
    pub(crate) updated_at: Option<Timestamp>,
}

/// How to reach somebody, and who acts for them.
pub(crate) struct Contact {
    pub(crate) user_id: String,
    pub(crate) user: Option<User>,
    pub(crate) name: String,
    pub(crate) delegates: Vec<String>,
}

impl App {
    /// The caller, or another holder of a credential, with what the directory adds. Agents and services are given
    /// nothing: an entry must not make a person of them.
    pub(crate) async fn known(&self, actor: &Actor) -> Result<Known, GateError> {
        if actor.kind != ActorKind::User {
            return Ok(Known::with(actor, None));
        }
        let entry = store::directory::of(&self.db, &actor.id).await?;
        Ok(Known::with(actor, entry.as_ref().map(|(user, _)| user)))
    }

    /// Somebody by id; none when neither credentials nor directory know the id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Known>, GateError> {
        let entry = store::directory::of(&self.db, id).await?;
        Ok(match (self.credential_of(id), entry) {
            (Some(actor), _) if actor.kind != ActorKind::User => Some(Known::with(actor, None)),
            (Some(actor), entry) => Some(Known::with(actor, entry.as_ref().map(|(user, _)| user))),
            (None, Some((user, _))) => Some(Known::of_directory(&user)),
            (None, None) => None,
        })
    }

    /// Everybody, by id.
    pub(crate) async fn everybody(&self) -> Result<Vec<Known>, GateError> {
        let mut all = BTreeMap::new();
        for (user, _) in store::directory::all(&self.db).await? {
            all.insert(person(&user.id), Known::of_directory(&user));
        }
        for actor in self.credentials.known() {
            let entry = all.remove(&person(&actor.id));
            let known = match entry {
                Some(of_directory) if actor.kind == ActorKind::User => {
                    let Actor { name, roles, groups, .. } = of_directory.actor;
                    let user = User { name, roles, groups, tags: of_directory.tags, ..User::default() };
                    Known::with(actor, Some(&user))
                }
                _ => Known::with(actor, None),
            };
            all.insert(person(&actor.id), known);
        }
        Ok(all.into_values().collect())
    }

    /// Everybody, and the caller as the credential of the call has them: people of an identity provider stand in no file.
    pub(super) async fn everybody_and_caller(&self, ctx: &OpContext) -> Result<Vec<Known>, GateError> {
        let mut all = self.everybody().await?;
        if ctx.actor().kind == ActorKind::User {
            let caller = self.known(ctx.actor()).await?;
            let wanted = person(&caller.actor.id);
            match all.iter_mut().find(|known| person(&known.actor.id) == wanted) {
                Some(known) => *known = caller,
                None => all.push(caller),
            }
        }
        Ok(all)
    }

    fn credential_of(&self, id: &str) -> Option<&Actor> {
        let wanted = person(id);
        self.credentials.known().iter().find(|actor| person(&actor.id) == wanted)
    }

    /// Refuses whoever is no admin. An agent is none, whatever its credential says.
    ///
    /// # Errors
    /// [`GateError::RoleRequired`].
    pub(crate) async fn require_admin(&self, ctx: &OpContext) -> Result<Actor, GateError> {
        let known = self.known(ctx.actor()).await?.actor;
        let is_admin = known.kind == ActorKind::User && known.has_role(actor::ADMIN);
        if is_admin || known.is_service() { Ok(known) } else { Err(GateError::RoleRequired(&[actor::ADMIN])) }
    }

    /// Whether the caller may see how `id` is reached.
    pub(crate) async fn may_see_contacts(&self, ctx: &OpContext, id: &str) -> Result<bool, GateError> {
        if person(id) == person(&ctx.actor().id) {
            return Ok(true);
        }
        match self.require_admin(ctx).await {
            Ok(_) => Ok(true),
            Err(GateError::RoleRequired(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn user(&self, id: &str) -> Result<Shown, GateError> {
        let credential = self.credential_of(id).cloned();
        let shown = match (store::directory::of(&self.db, id).await?, credential) {
            (Some((user, at)), credential) => Shown { user, credential, updated_at: Some(at) },
            (None, Some(actor)) => of_credential(&actor),
            (None, None) => return Err(GateError::UnknownUser(id.to_owned())),
        };
        Ok(shown)
    }

    /// A page of users by person, and the token of the next.
    pub(crate) async fn users(&self, page: &Page<String>) -> Result<(Vec<Shown>, String), GateError> {
        let after = page.after.clone().unwrap_or_default();
        let mut all = BTreeMap::new();
        for actor in self.credentials.known().iter().filter(|actor| person(&actor.id) > after) {
            all.insert(person(&actor.id), of_credential(actor));
        }
        for (user, at) in store::directory::page(&self.db, &after, page.limit()).await? {
            let key = person(&user.id);
            let credential = all.remove(&key).and_then(|shown| shown.credential);
            all.insert(key, Shown { user, credential, updated_at: Some(at) });
        }
        // The directory's part may end before that of the credentials, never the other way round.
        let mut users: Vec<_> =
            all.into_values().take(usize::try_from(page.limit()).unwrap_or(usize::MAX)).collect();
        let token = page.finish(&mut users, |shown| person(&shown.user.id));
        Ok((users, token))
    }

    pub(crate) async fn upsert_user(
        &self,
        ctx: &OpContext,
        once: &Once,
        user: &User,
    ) -> Result<pb::UpsertUserResponse, GateError> {
        self.require_admin(ctx).await?;
        retried(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(answer) = once.recall(&mut tx, ctx).await? {
                return Ok(answer);
            }
            write(&mut tx, ctx, user, None).await?;
            let credential = self.credential_of(&user.id).cloned();
            let shown = Shown { user: user.clone(), credential, updated_at: Some(ctx.now()) };
            let answer = pb::UpsertUserResponse { user: Some(user_to_pb(&shown, true)) };
            once.remember(&mut tx, ctx, &answer).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    pub(crate) async fn delete_user(
        &self,
        ctx: &OpContext,
        once: &Once,
        id: &str,
    ) -> Result<pb::DeleteUserResponse, GateError> {
        self.require_admin(ctx).await?;
        retried(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(answer) = once.recall(&mut tx, ctx).await? {
                return Ok(answer);
            }
            remove(&mut tx, ctx, id).await?;
            let answer = pb::DeleteUserResponse {};
            once.remember(&mut tx, ctx, &answer).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    /// One entry for each id, in that order.
    pub(crate) async fn contacts(&self, now: Timestamp, ids: Vec<String>) -> Result<Vec<Contact>, GateError> {
        let users: BTreeMap<_, _> = store::directory::all(&self.db)
            .await?
            .into_iter()
            .map(|(user, _)| (person(&user.id), user))
            .collect();
        let mut delegates: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Delegation { delegator, delegate, .. } in store::delegation::active(&self.db, now).await? {
            let to = delegates.entry(person(&delegator)).or_default();
            if !to.contains(&delegate) {
                to.push(delegate);
            }
        }
        let contact = |user_id: String| {
            let key = person(&user_id);
            let user = users.get(&key).cloned();
            let of_directory = user.as_ref().map(|user| user.name.clone()).filter(|name| !name.is_empty());
            let of_credential = || self.credential_of(&user_id).map(|actor| actor.name.clone());
            let name = of_directory.or_else(of_credential).unwrap_or_default();
            Contact { delegates: delegates.get(&key).cloned().unwrap_or_default(), user_id, user, name }
        };
        Ok(ids.into_iter().map(contact).collect())
    }
}

fn of_credential(actor: &Actor) -> Shown {
    let user = User { id: actor.id.clone(), name: actor.name.clone(), ..User::default() };
    Shown { user, credential: Some(actor.clone()), updated_at: None }
}

async fn write(tx: &mut Tx, ctx: &OpContext, user: &User, file: Option<Digest>) -> Result<(), GateError> {
    store::directory::write(tx, user, file, ctx.now()).await?;
    let User { id, roles, groups, tags, contacts, .. } = user;
    // The addresses themselves are not for the log.
    let contacts = Digest::of(&[&serde_json::to_vec(contacts)?]);
    let details = json!({ "user": id, "roles": roles, "groups": groups, "tags": tags, "contacts": contacts });
    audit_directory(tx, ctx, "user.written", details).await?;
    let changed = events::UserChanged {
        user_id: id.clone(),
        roles: roles.clone(),
        groups: groups.clone(),
        tags: tags.clone(),
        deleted: false,
    };
    append(tx, ctx, None, Payload::UserChanged(changed)).await?;
    Ok(())
}

async fn remove(tx: &mut Tx, ctx: &OpContext, id: &str) -> Result<(), GateError> {
    if !store::directory::remove(tx, id, ctx.now()).await? {
        return Err(GateError::UnknownUser(id.to_owned()));
    }
    let ended = store::delegation::end_all(tx, id, &ctx.actor().id, ctx.now()).await?;
    audit_directory(tx, ctx, "user.deleted", json!({ "user": id, "delegations_ended": ended })).await?;
    let changed = events::UserChanged { user_id: id.to_owned(), deleted: true, ..Default::default() };
    append(tx, ctx, None, Payload::UserChanged(changed)).await?;
    Ok(())
}

/// Brings the directory in line with its file. An entry that an admin changed or removed since stays as it is, until it
/// changes in the file; one that left the file goes.
pub(crate) async fn seed(db: &Db, source: &ContextSource, path: &str) -> Result<(), BuildError> {
    let text = std::fs::read_to_string(Path::new(path))
        .map_err(|source| BuildError::File { path: path.to_owned(), source })?;
    let file: DirectoryFile = serde_saphyr::from_str(&text)
        .map_err(|error| BuildError::Config(format!("service.directory {path}: {error}")))?;
    if let Some(wrong) = file.violations().first() {
        let text = format!("service.directory {path}: {}: {}", wrong.field, wrong.description);
        return Err(BuildError::Config(text));
    }
    let ctx = source.operation(Actor::system("approval-gate"));
    let seeded = retried(|| async {
        let mut tx = db.begin().await?;
        // First of all, so that replicas that start together do this one after the other.
        store::chain::lock(&mut tx, store::chain::DIRECTORY).await?;
        let rows = store::directory::origins(&mut tx).await?;
        let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.person.as_str(), row)).collect();
        for user in &file.users {
            let digest = Digest::of(&[&serde_json::to_vec(user)?]);
            let row = rows.get(person(&user.id).as_str());
            if row.is_none_or(|row| row.file_digest != Some(digest)) {
                write(&mut tx, &ctx, user, Some(digest)).await?;
            }
        }
        for row in rows.values().filter(|row| row.file_digest.is_some() && !row.deleted) {
            if !file.users.iter().any(|user| person(&user.id) == row.person) {
                remove(&mut tx, &ctx, &row.person).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    });
    seeded.await.map_err(|error| BuildError::Config(format!("service.directory {path}: {error}")))
}
