//! Who may reach whom: the NetworkPolicies against the call graph, edge by edge.

use std::collections::{BTreeMap, BTreeSet};

use assent_tests::graph::CALLS;
use serde_json::Value;

use super::{Environment, entries, environment, of_kind};

const STATEFUL: [&str; 5] = ["planner", "versioning", "approval-gate", "executor", "notification"];

type Edges = BTreeSet<(String, String)>;

fn port(service: &str) -> u16 {
    7101 + u16::try_from(CALLS.iter().position(|(name, _)| *name == service).unwrap()).unwrap()
}

fn component(object: &Value) -> &str {
    object["app.kubernetes.io/component"].as_str().unwrap()
}

/// The other end of a rule: a component of the release, or where it is instead.
fn end(peer: &Value) -> String {
    let labels = &peer["podSelector"]["matchLabels"];
    if labels.is_object() && peer.get("namespaceSelector").is_none() {
        return component(labels).to_owned();
    }
    match peer["ipBlock"]["cidr"].as_str() {
        Some(cidr) => cidr.to_owned(),
        None => peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            .as_str()
            .unwrap_or("any namespace")
            .to_owned(),
    }
}

/// `who:port` for each end and port of some rules; `anywhere` where a rule names nobody.
fn ends(rules: &Value, side: &str) -> BTreeSet<String> {
    let mut ends = BTreeSet::new();
    for rule in entries(rules) {
        let peers: Vec<_> = entries(&rule[side]).map(end).collect();
        let peers = if peers.is_empty() { vec!["anywhere".to_owned()] } else { peers };
        let ports: Vec<_> = entries(&rule["ports"])
            .map(|port| {
                format!("{}/{}", port["port"].as_u64().unwrap(), port["protocol"].as_str().unwrap_or("TCP"))
            })
            .collect();
        let ports = if ports.is_empty() { vec!["any".to_owned()] } else { ports };
        for peer in peers {
            ends.extend(ports.iter().map(|port| format!("{peer}:{port}")));
        }
    }
    ends
}

fn policies(objects: &[Value]) -> BTreeMap<&str, &Value> {
    let own = of_kind(objects, "NetworkPolicy").filter(|policy| {
        policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component").is_some()
    });
    own.map(|policy| (component(&policy["spec"]["podSelector"]["matchLabels"]), &policy["spec"])).collect()
}

fn set<const N: usize>(ends: [&str; N]) -> BTreeSet<String> {
    ends.map(str::to_owned).into()
}

/// The edges between services, as those who come in and as those who go out see them, and as the services are told
/// them: all three are the call graph.
pub(super) fn edges_are_the_call_graph(values: &str, objects: &[Value]) {
    let expected: Edges = CALLS
        .iter()
        .flat_map(|(from, to)| to.iter().map(|to| ((*from).to_owned(), (*to).to_owned())))
        .collect();
    let mut told = Edges::new();
    for deployment in of_kind(objects, "Deployment") {
        let from = component(&deployment["metadata"]["labels"]);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let variables: Environment = environment(container, objects);
        let peers =
            variables.iter().filter(|(name, _)| !name.ends_with("_FILE")).filter_map(|(name, address)| {
                let to = name.strip_prefix("ASSENT_PEERS__")?.to_lowercase().replace('_', "-");
                assert!(address.ends_with(&format!("-{to}:{}", port(&to))), "{from} calls {to} at {address}");
                Some((from.to_owned(), to))
            });
        told.extend(peers);
    }
    assert_eq!(told, expected, "addresses in {values}");

    let policies = policies(objects);
    if policies.is_empty() {
        return;
    }
    let known =
        |end: &str| end.split_once(':').is_some_and(|(name, _)| CALLS.iter().any(|(s, _)| *s == name));
    let (mut incoming, mut outgoing) = (Edges::new(), Edges::new());
    for (service, _) in CALLS {
        let policy = policies.get(service).unwrap_or_else(|| panic!("{service} has no policy in {values}"));
        for from in ends(&policy["ingress"], "from").into_iter().filter(|end| known(end)) {
            let (from, at) = from.split_once(':').unwrap();
            // Slack's buttons come in at a port of their own.
            if at == format!("{}/TCP", port(service)) {
                incoming.insert((from.to_owned(), service.to_owned()));
            }
        }
        for to in ends(&policy["egress"], "to").into_iter().filter(|end| known(end)) {
            let (to, at) = to.split_once(':').unwrap();
            assert_eq!(at, format!("{}/TCP", port(to)), "{service} to {to}");
            outgoing.insert((service.to_owned(), to.to_owned()));
        }
        assert_eq!(policy["policyTypes"], serde_json::json!(["Ingress", "Egress"]), "{service} in {values}");
    }
    assert_eq!(incoming, expected, "who is let in with {values}");
    assert_eq!(outgoing, expected, "who is let out with {values}");
}

/// What lies beyond the graph is what the values name, and nothing else.
pub(super) fn nothing_else_is_open(rendered: &BTreeMap<String, Vec<Value>>) {
    const DNS: [&str; 2] = ["kube-system:53/TCP", "kube-system:53/UDP"];
    let beyond = |values: &str, side: &str| -> BTreeMap<String, BTreeSet<String>> {
        let (rules, list) = if side == "from" { ("ingress", "from") } else { ("egress", "to") };
        let policies = policies(&rendered[values]);
        let services = CALLS.iter().filter(|(name, _)| policies.contains_key(name));
        let graph = |end: &String| CALLS.iter().any(|(name, _)| end.starts_with(&format!("{name}:")));
        services
            .map(|(name, _)| {
                let ends = ends(&policies[name][rules], list);
                ((*name).to_owned(), ends.into_iter().filter(|end| !graph(end)).collect())
            })
            .collect()
    };

    for (service, ends) in beyond("replicas", "to") {
        let mut expected: BTreeSet<String> = DNS.map(str::to_owned).into();
        if STATEFUL.contains(&service.as_str()) {
            expected.extend(set(["anywhere:5432/TCP", "anywhere:6379/TCP"]));
        }
        if ["executor", "notification"].contains(&service.as_str()) {
            expected.extend(set(["0.0.0.0/0:any", "::/0:any"]));
        }
        assert_eq!(ends, expected, "{service} may reach more or less than it should");
    }
    for (service, ends) in beyond("replicas", "from") {
        let test = format!("test:{}/TCP", port(&service));
        let clients = format!("agents:{}/TCP", port(&service));
        let scrapers = "monitoring:9464/TCP".to_owned();
        let expected: BTreeSet<_> = [test, clients, scrapers]
            .into_iter()
            .filter(|end| service != "dashboard" || !end.starts_with("test"))
            .collect();
        assert_eq!(ends, expected, "{service} lets in more or less than it should");
    }
    // Storage of the release's own lets in those that keep state, and goes nowhere.
    let own = policies(&rendered["standalone"]);
    for (storage, port) in [("postgres", 5432), ("redis", 6379)] {
        let expected: BTreeSet<_> = STATEFUL.iter().map(|service| format!("{service}:{port}/TCP")).collect();
        assert_eq!(ends(&own[storage]["ingress"], "from"), expected, "{storage}");
        assert_eq!(own[storage]["egress"], serde_json::json!([]), "{storage}");
    }
    for (service, ends) in beyond("standalone", "to") {
        let reaches = ends.contains("postgres:5432/TCP") && ends.contains("redis:6379/TCP");
        assert_eq!(reaches, STATEFUL.contains(&service.as_str()), "{service}: {ends:?}");
    }
    for (service, ends) in beyond("secured", "to") {
        // Whoever recognises people needs the keys of their provider; the dashboard passes credentials on.
        assert_eq!(ends.contains("203.0.113.0/24:8443/TCP"), service != "dashboard", "{service}: {ends:?}");
    }
    let jobs = beyond("jobs", "to");
    assert_eq!(
        jobs["executor"],
        set(["10.96.0.1/32:443/TCP", "anywhere:5432/TCP", "anywhere:6379/TCP", DNS[0], DNS[1]])
    );
    assert!(!jobs["planner"].contains("10.96.0.1/32:443/TCP"), "only the executor talks to Kubernetes");
}
