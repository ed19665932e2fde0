//! What is deployed fits the programs: the chart and the compose file against the tools of their trade, and every
//! container's environment against the binary that will read it.

mod network;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use assent_rpc::{Credentials, Identities};
use assent_tests::process::program;
use serde_json::Value;

use crate::support::root;

/// The services that the chart runs.
const WORKLOADS: [&str; 7] =
    ["planner", "risk", "versioning", "approval-gate", "executor", "notification", "dashboard"];

/// How the variables begin that only one service reads.
const OWN: &str = "ASSENT_SERVICE__";

type Environment = BTreeMap<String, String>;

fn succeed(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{errors}");
    out.into_owned()
}

fn read(path: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// What a container would see. A Secret that the chart does not make holds what any URL may be.
fn environment(container: &Value, objects: &[Value]) -> Environment {
    let value = |entry: &Value| {
        let wanted = &entry["valueFrom"]["secretKeyRef"];
        let key = wanted["key"].as_str();
        let Some(key) = key else { return entry["value"].as_str().unwrap().to_owned() };
        let secret = of_kind(objects, "Secret").find(|secret| secret["metadata"]["name"] == wanted["name"]);
        secret.map_or("elsewhere://host".to_owned(), |secret| {
            secret["stringData"][key].as_str().unwrap().to_owned()
        })
    };
    entries(&container["env"]).map(|e| (e["name"].as_str().unwrap().to_owned(), value(e))).collect()
}

/// The configuration that a program would use, line by line, by section.
fn configuration(name: &str, environment: &Environment) -> BTreeMap<String, Vec<String>> {
    let mut command = Command::new(program(name));
    let printed = succeed(command.arg("--print-config").env_clear().envs(environment));
    let mut sections = BTreeMap::<String, Vec<String>>::new();
    let mut section = String::new();
    for line in printed.lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name.to_owned(),
            None => sections.entry(section.clone()).or_default().push(line.to_owned()),
        }
    }
    sections
}

fn keys(lines: &[String]) -> BTreeSet<String> {
    let key = |line: &String| Some(line.split_once(" = ")?.0.to_owned());
    lines.iter().filter_map(key).collect()
}

#[test]
fn the_chart_is_sound_and_its_containers_are_configured_as_meant() {
    let folder = tempfile::tempdir().unwrap();
    succeed(Command::new(root().join("tests/helm.sh")).arg(folder.path()));

    let rendered: BTreeMap<String, Vec<Value>> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))
        })
        .collect();
    assert!(rendered.len() >= 8, "{:?}", rendered.keys());
    let mut settable = BTreeMap::<String, Environment>::new();
    for (values, objects) in &rendered {
        network::edges_are_the_call_graph(values, objects);
        objects::pods_are_confined(values, objects);
        objects::lives_are_orderly(objects);
        let workloads = of_kind(objects, "Deployment").chain(of_kind(objects, "Job"));
        let containers: Vec<_> =
            workloads.flat_map(|w| entries(&w["spec"]["template"]["spec"]["containers"])).collect();
        assert!(containers.len() >= WORKLOADS.len(), "{values}");
        for container in containers {
            let name = container["command"][0].as_str().unwrap();
            let environment = environment(container, objects);
            let used = configuration(name, &environment);
            if let Some(port) = container["ports"][0]["containerPort"].as_u64() {
                assert!(
                    used["server"].contains(&format!("listen = \"0.0.0.0:{port}\"")),
                    "{name} in {values}"
                );
            }
            if container["command"][1] == "--migrate-only" {
                migrate(name, environment.clone());
            }
            let own = environment.iter().filter(|(name, _)| name.starts_with(OWN));
            let own = own.map(|(name, value)| (name.clone(), value.clone()));
            settable.entry(name.to_owned()).or_default().extend(own);
        }
    }
    check_identities(&rendered["trial"]);
    network::nothing_else_is_open(&rendered);
    objects::the_contract_is_reachable(&rendered);
    objects::the_alerts_are_ours(&rendered["scaled"]);
    objects::the_test_asks_every_service(&rendered["trial"]);
    // What a service can be told, the chart can tell it.
    for service in WORKLOADS {
        let name = format!("assent-{service}");
        let settable = settable.remove(&name).unwrap_or_default();
        let printed = keys(&configuration(&name, &Environment::new()).remove("service").unwrap_or_default());
        let key = |variable: &String| variable.trim_start_matches(OWN).to_lowercase();
        // An empty map is not printed, and one with members is a section of its own.
        let maps = settable.iter().filter(|(variable, _)| !printed.contains(&key(variable)));
        let maps = maps.map(|(variable, value)| (variable.clone(), value.clone())).collect();
        let sections = configuration(&name, &maps);
        let sections = sections.keys().filter_map(|name| name.strip_prefix("service.")?.split('.').next());
        let understood: BTreeSet<_> = printed.into_iter().chain(sections.map(str::to_owned)).collect();
        let settable: BTreeSet<_> = settable.keys().map(key).collect();
        assert_eq!(settable, understood, "{name}");
    }
}

#[test]
fn the_compose_file_fits_the_programs_and_what_its_script_makes() {
    let folder = tempfile::tempdir().unwrap();
    succeed(Command::new(root().join("deploy/compose/init.sh")).arg(folder.path()));
    let identities = folder.path().join("identities.yaml");
    let first = std::fs::read_to_string(&identities).unwrap();
    succeed(Command::new(root().join("deploy/compose/init.sh")).arg(folder.path()));
    assert_eq!(std::fs::read_to_string(&identities).unwrap(), first, "tokens changed");

    let text = std::fs::read_to_string(root().join("deploy/compose.yaml")).unwrap();
    let compose: Value = serde_saphyr::from_str(&text).unwrap();
    let database = std::fs::read_to_string(folder.path().join("database.env")).unwrap();
    let (database, url) = database.trim_end().split_once('=').unwrap();
    let credentials = Credentials::new(&Identities::load(&identities).unwrap(), "static_token").unwrap();
    let dockerfile = std::fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    let targets: BTreeSet<_> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM ")?.split_once(" AS ").map(|(_, target)| target))
        .collect();
    for service in WORKLOADS {
        let described = &compose["services"][service];
        let healthy = serde_json::json!(["CMD", format!("assent-{service}"), "--healthy"]);
        assert_eq!(described["healthcheck"]["test"], healthy, "{service}");
        let target = described["build"]["target"].as_str().unwrap();
        assert!(targets.contains(target), "deploy/Dockerfile has no target {target}");
        let environment = described["environment"].as_object().unwrap().iter();
        let mut environment: Environment =
            environment.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        if described["env_file"][0] == "compose/database.env" {
            environment.insert(database.to_owned(), url.to_owned());
        }
        let used = configuration(described["command"][0].as_str().unwrap(), &environment);
        let port = described["ports"][0].as_str().unwrap().rsplit(':').next().unwrap();
        assert!(used["server"].contains(&format!("listen = \"0.0.0.0:{port}\"")), "{service}");
        if environment.contains_key("ASSENT_AUTH__SERVICE_TOKEN_FILE") {
            let token = std::fs::read_to_string(folder.path().join("tokens").join(service)).unwrap();
            let actor = credentials.authenticate(&token).unwrap();
            assert_eq!(actor.id, format!("system:{service}"));
        }
    }
    for person in ["agent", "dev", "lead", "admin", "admin2"] {
        let token = std::fs::read_to_string(folder.path().join("tokens").join(person)).unwrap();
        assert_eq!(credentials.authenticate(&token).unwrap().id, format!("{person}@compose.local"));
    }
}

/// The environment of a migration is all that it needs: no file, no peer that answers.
fn migrate(name: &str, mut environment: Environment) {
    let folder = tempfile::tempdir().unwrap();
    environment
        .insert("ASSENT_DATABASE__URL".to_owned(), format!("sqlite://{}/data", folder.path().display()));
    environment.remove("ASSENT_TELEMETRY__OTLP_ENDPOINT");
    let mut command = Command::new(program(name));
    command.arg("--migrate-only").env_clear().envs(environment).current_dir(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_dir(folder.path().join("data")).unwrap().next().is_some(), "{name} made no table");
}

/// The digests that the chart computes are those by which the services look tokens up.
fn check_identities(objects: &[Value]) {
    let secret = of_kind(objects, "Secret").find(|s| s["metadata"]["name"] == "demo-auth").unwrap();
    let data = secret["stringData"].as_object().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data["identities.yaml"].as_str().unwrap()).unwrap();
    let credentials = Credentials::new(&Identities::load(file.path()).unwrap(), "static_token").unwrap();
    for service in ["planner", "versioning", "approval-gate", "executor", "notification"] {
        let token = data[&format!("token-{service}")].as_str().unwrap();
        let actor = credentials.authenticate(token).unwrap();
        assert_eq!(actor.id, format!("system:{service}"));
        assert_eq!(actor.roles, ["service"]);
    }
    assert!(credentials.known().iter().any(|actor| actor.id == "lead@example.com"));
}
