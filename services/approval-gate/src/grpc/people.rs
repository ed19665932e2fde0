//! Users and delegations as the contract has them.

use assent_proto::approval::v1 as pb;
use assent_rpc::convert::Wire as _;

use crate::app::{Contact, Eligible, Shown};
use crate::domain::directory::{Contacts, Delegation, User};

/// A user; `contacts` says whether the addresses are for the caller.
pub(crate) fn user_to_pb(shown: &Shown, contacts: bool) -> pb::User {
    let user = &shown.user;
    let (credential_roles, credential_groups) = match &shown.credential {
        Some(actor) => (actor.roles.clone(), actor.groups.clone()),
        None => Default::default(),
    };
    let name = Some(&user.name).filter(|name| !name.is_empty());
    let name = name.or(shown.credential.as_ref().map(|actor| &actor.name));
    pb::User {
        id: user.id.clone(),
        name: name.cloned().unwrap_or_default(),
        roles: user.roles.clone(),
        groups: user.groups.clone(),
        tags: user.tags.clone(),
        contacts: contacts.then(|| contacts_to_pb(&user.contacts)),
        credential_roles,
        credential_groups,
        update_time: shown.updated_at.map(|at| at.to_pb()),
    }
}

pub(super) fn read_user(user: pb::User) -> User {
    let contacts = user.contacts.unwrap_or_default();
    User {
        id: user.id,
        name: user.name,
        roles: user.roles,
        groups: user.groups,
        tags: user.tags,
        contacts: Contacts {
            email: contacts.email,
            slack: contacts.slack,
            teams: contacts.teams,
            webhook: contacts.webhook,
        },
    }
}

fn contacts_to_pb(contacts: &Contacts) -> pb::ContactAddresses {
    pb::ContactAddresses {
        email: contacts.email.clone(),
        slack: contacts.slack.clone(),
        teams: contacts.teams.clone(),
        webhook: contacts.webhook.clone(),
    }
}

pub(super) fn contact_to_pb(contact: Contact) -> pb::UserContacts {
    pb::UserContacts {
        user_id: contact.user_id,
        name: contact.name,
        addresses: contact.user.map(|user| contacts_to_pb(&user.contacts)),
        delegates: contact.delegates,
    }
}

pub(crate) fn delegation_to_pb(delegation: &Delegation) -> pb::Delegation {
    let (revoked_by, revoke_time) = match &delegation.revoked {
        Some((by, at)) => (by.clone(), Some(at.to_pb())),
        None => Default::default(),
    };
    pb::Delegation {
        id: delegation.id.to_pb(),
        delegator: delegation.delegator.clone(),
        delegate: delegation.delegate.clone(),
        start_time: Some(delegation.starts_at.to_pb()),
        end_time: Some(delegation.ends_at.to_pb()),
        reason: delegation.reason.clone(),
        created_by: delegation.created_by.clone(),
        create_time: Some(delegation.created_at.to_pb()),
        revoked_by,
        revoke_time,
    }
}

pub(super) fn eligible_to_pb(eligible: &Eligible) -> pb::EligibleApprover {
    let voter = &eligible.voter;
    pb::EligibleApprover {
        user_id: voter.actor.id.clone(),
        delegator: voter.delegation.map(|_| voter.seat.id.clone()).unwrap_or_default(),
        counts_for: eligible.counts_for.clone(),
        escalated: eligible.escalated,
    }
}
