//! What every call is checked with, as tables of Rust. To look it up in the descriptors at run time took two megabytes
//! a process.

use std::collections::HashSet;

use anyhow::{Context as _, bail};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::method_options::IdempotencyLevel;

const OURS: &str = "assent.";

/// An expression for all methods, by path.
pub(crate) fn methods(contract: &DescriptorPool) -> String {
    let mut lines: Vec<String> = contract
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| {
            let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
            let idempotent = options.idempotency_level() != IdempotencyLevel::IdempotencyUnknown;
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let (takes, gives) = (method.is_client_streaming(), method.is_server_streaming());
            format!(
                "Method {{ path: {path:?}, streams_in: {takes}, streams_out: {gives}, idempotent: {idempotent} }},"
            )
        })
        .collect();
    lines.sort();
    format!("&[{}]", lines.concat())
}

/// An expression for all messages of the contract, by name.
pub(crate) fn messages(contract: &DescriptorPool) -> anyhow::Result<String> {
    let mut ours: Vec<_> = contract
        .all_messages()
        .filter(|one| one.full_name().starts_with(OURS) && !one.is_map_entry())
        .collect();
    ours.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    let rules = contract.get_extension_by_name("assent.annotations.v1.rules").context("no field rules")?;
    let of = |field: &FieldDescriptor| -> Option<DynamicMessage> {
        let options = field.options();
        options.has_extension(&rules).then(|| options.get_extension(&rules).as_message().cloned())?
    };
    let checked = checked(&ours, |field| of(field).is_some());
    let mut text = String::from("&[");
    for message in &ours {
        text += &format!("Message {{ name: {:?}, fields: &[", message.full_name());
        for field in message.fields() {
            let rules = of(&field);
            let kind = match (kind(&field, &ours, &checked).as_deref(), &rules) {
                // Nothing is wrong with a number or with bytes by themselves.
                (Some("Kind::Integer" | "Kind::Bytes") | None, None) => continue,
                (Some(kind), _) => kind.to_owned(),
                (None, Some(_)) => "Kind::Other".to_owned(),
            };
            let rules =
                rules.map_or_else(|| Ok("Rules::NONE".to_owned()), |rules| written(&field, &rules))?;
            let (name, number, shape) = (field.name(), field.number(), shape(&field));
            text += &format!(
                "Field {{ name: {name:?}, number: {number}, shape: Shape::{shape}, kind: {kind}, rules: {rules} }},"
            );
        }
        text += "] },";
    }
    Ok(text + "]")
}

/// Messages in or below which some rule, text or enum of ours stands; others are not walked.
fn checked(ours: &[MessageDescriptor], ruled: impl Fn(&FieldDescriptor) -> bool) -> HashSet<String> {
    let mut checked = HashSet::new();
    // To a fixed point, because messages contain each other.
    loop {
        let before = checked.len();
        for message in ours {
            let wanted = message.fields().any(|field| {
                ruled(&field)
                    || match field.kind() {
                        Kind::String => true,
                        Kind::Enum(one) => one.full_name().starts_with(OURS),
                        Kind::Message(one) => checked.contains(one.full_name()),
                        _ => false,
                    }
            });
            if wanted {
                checked.insert(message.full_name().to_owned());
            }
        }
        if checked.len() == before {
            return checked;
        }
    }
}

fn shape(field: &FieldDescriptor) -> &'static str {
    match field {
        _ if field.is_map() => "Map",
        _ if field.is_list() => "List",
        _ => "One",
    }
}

/// How values are looked at; none where nothing is to be seen without a rule.
fn kind(field: &FieldDescriptor, ours: &[MessageDescriptor], checked: &HashSet<String>) -> Option<String> {
    Some(match field.kind() {
        // Entries of maps are counted only.
        _ if field.is_map() => return None,
        Kind::String => "Kind::Text".to_owned(),
        Kind::Bytes => "Kind::Bytes".to_owned(),
        Kind::Int32 | Kind::Int64 => "Kind::Integer".to_owned(),
        Kind::Enum(one) => {
            let numbers: Vec<_> = one.values().map(|value| value.number()).collect();
            format!("Kind::Enum(&{numbers:?})")
        }
        Kind::Message(one) if checked.contains(one.full_name()) => {
            let index = ours.iter().position(|message| *message == one)?;
            format!("Kind::Message({index})")
        }
        _ => return None,
    })
}

fn written(field: &FieldDescriptor, rules: &DynamicMessage) -> anyhow::Result<String> {
    let integer = matches!(field.kind(), Kind::Int32 | Kind::Int64);
    // Such lists come packed, and are not taken apart.
    if field.is_list()
        && kind(field, &[], &HashSet::new()).is_none()
        && !matches!(field.kind(), Kind::Message(_))
    {
        bail!("{}: lists of such values cannot be checked", field.full_name());
    }
    let mut text = String::from("Rules { ");
    for (rule, value) in rules.fields() {
        let value = match rule.kind() {
            Kind::Bool => value.as_bool().map(|flag| flag.to_string()),
            Kind::Uint32 => value.as_u32().map(|size| size.to_string()),
            Kind::String => value.as_str().map(|text| format!("{text:?}")),
            Kind::Int64 if integer => value.as_i64().map(|number| format!("Some({number})")),
            _ => None,
        };
        let Some(value) = value else {
            bail!("{} cannot be checked for `{}`", field.full_name(), rule.name())
        };
        text += &format!("{}: {value}, ", rule.name());
    }
    Ok(text + "..Rules::NONE }")
}
