//! What the chart promises of single objects: rights, probes, ways in, and the test that `helm test` runs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use assent_testkit::free_port;
use assent_tests::process::program;
use serde_json::{Value, json};

use super::{entries, environment, of_kind};

/// Every pod: not root, nothing writable but what is mounted, no rights, and no token of Kubernetes that is not needed.
pub(super) fn pods_are_confined(values: &str, objects: &[Value]) {
    let jobs_run = values == "jobs" || values == "everything";
    let templates = ["Deployment", "StatefulSet", "Job"].into_iter().flat_map(|kind| of_kind(objects, kind));
    let pods = templates.map(|object| (object, &object["spec"]["template"]["spec"]));
    let pods = pods.chain(of_kind(objects, "Pod").map(|object| (object, &object["spec"])));
    for (object, pod) in pods {
        let name = format!("{} {} in {values}", object["kind"], object["metadata"]["name"]);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let executor = object["metadata"]["labels"]["app.kubernetes.io/component"] == "executor";
        assert_eq!(pod["automountServiceAccountToken"], jobs_run && executor, "{name}");
        for container in entries(&pod["containers"]) {
            let security = &container["securityContext"];
            let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
            assert_eq!(security, &expected, "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name} has no limit of memory");
        }
    }
    // Rights are those of Jobs, and the executor's, and only where they are wanted.
    let roles: Vec<_> = of_kind(objects, "Role").collect();
    assert_eq!(roles.len(), usize::from(jobs_run), "{values}");
    assert_eq!(of_kind(objects, "ClusterRole").count() + of_kind(objects, "ClusterRoleBinding").count(), 0);
    for rule in roles.iter().flat_map(|role| entries(&role["rules"])) {
        let wild = entries(&rule["verbs"]).chain(entries(&rule["resources"])).any(|word| word == "*");
        assert!(!wild, "{rule}");
    }
    for binding in of_kind(objects, "RoleBinding") {
        assert!(binding["subjects"][0]["name"].as_str().unwrap().ends_with("-executor"), "{binding}");
    }
    let accounts: BTreeSet<_> =
        of_kind(objects, "ServiceAccount").map(|a| a["metadata"]["name"].as_str()).collect();
    assert_eq!(accounts.len(), 7, "each service has an account of its own");
}

/// Probes ask gRPC health; a stop waits for the calls that still come, and for those that run.
pub(super) fn lives_are_orderly(objects: &[Value]) {
    for deployment in of_kind(objects, "Deployment") {
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let named = |name: &str| entries(&container["ports"]).find(|port| port["name"] == name);
        // Probes know no TLS.
        let port = named("health").unwrap_or(&container["ports"][0])["containerPort"].clone();
        assert_eq!(container["readinessProbe"]["grpc"]["port"], port);
        for probe in ["startupProbe", "livenessProbe"] {
            let expected = json!({"port": port, "service": assent_rpc::LIVENESS});
            assert_eq!(container[probe]["grpc"], expected, "{probe}");
        }
        let sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0);
        let variables = environment(container, objects);
        let grace: u64 = variables["ASSENT_SERVER__SHUTDOWN_GRACE_SECONDS"].parse().unwrap();
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > sleep + grace, "{deployment}");
        // What is scaled has no number of its own that an upgrade would set back.
        let name = &deployment["metadata"]["name"];
        let scaler = of_kind(objects, "HorizontalPodAutoscaler")
            .find(|s| &s["spec"]["scaleTargetRef"]["name"] == name);
        assert_eq!(scaler.is_some(), deployment["spec"].get("replicas").is_none(), "{name}");
        let least = scaler.map_or(&deployment["spec"]["replicas"], |scaler| &scaler["spec"]["minReplicas"]);
        let budget =
            of_kind(objects, "PodDisruptionBudget").any(|budget| &budget["metadata"]["name"] == name);
        assert_eq!(budget, least.as_u64().unwrap() > 1, "{name}");
    }
}

/// Each service of the contract has one way in, to the service that answers it.
pub(super) fn the_contract_is_reachable(rendered: &BTreeMap<String, Vec<Value>>) {
    let pool = assent_proto::pool();
    let owner = |package: &str| match package {
        "assent.approval.v1" | "assent.event.v1" => "approval-gate".to_owned(),
        other => other.split('.').nth(1).unwrap().to_owned(),
    };
    let services = pool.services().filter(|service| service.package_name().starts_with("assent."));
    let expected: BTreeMap<_, _> = services
        .map(|service| (service.full_name().to_owned(), format!("demo-{}", owner(service.package_name()))))
        .collect();

    let route = of_kind(&rendered["gateway"], "GRPCRoute").next().unwrap();
    let rules = entries(&route["spec"]["rules"]).flat_map(|rule| {
        let backend = rule["backendRefs"][0]["name"].as_str().unwrap();
        let methods = entries(&rule["matches"]).map(|m| m["method"]["service"].as_str().unwrap().to_owned());
        methods.map(move |service| (service, backend.to_owned()))
    });
    assert_eq!(rules.collect::<BTreeMap<_, _>>(), expected, "GRPCRoute");

    let ingress =
        of_kind(&rendered["ingress"], "Ingress").find(|i| i["metadata"]["name"] == "demo-grpc").unwrap();
    let paths = entries(&ingress["spec"]["rules"][0]["http"]["paths"]).map(|path| {
        let backend = path["backend"]["service"]["name"].as_str().unwrap();
        (path["path"].as_str().unwrap().trim_start_matches('/').to_owned(), backend.to_owned())
    });
    assert_eq!(paths.collect::<BTreeMap<_, _>>(), expected, "Ingress");
}

/// The rules of the chart are those that are checked.
pub(super) fn the_alerts_are_ours(objects: &[Value]) {
    let text = std::fs::read_to_string(crate::support::root().join("deploy/metrics/alerts.yaml")).unwrap();
    let ours: Value = serde_saphyr::from_str(&text).unwrap();
    let rule = of_kind(objects, "PrometheusRule").next().unwrap();
    assert_eq!(rule["spec"], ours);
}

/// `helm test` runs `assent doctor`, and that finds the services by what the pod is told.
pub(super) fn the_test_asks_every_service(objects: &[Value]) {
    let pod = of_kind(objects, "Pod").next().unwrap();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["command"], json!(["assent", "doctor"]));
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "somebody's").unwrap();
    let mut variables = environment(container, objects);
    variables.insert("ASSENT_TOKEN_FILE".to_owned(), token.path().display().to_string());
    // Ports at which nobody listens, in the place of names that nobody knows here.
    let addresses: BTreeSet<_> = variables
        .iter_mut()
        .filter(|(name, _)| name.ends_with("_ADDRESS"))
        .map(|(_, address)| {
            assert!(address.starts_with("http://demo-"), "{address}");
            *address = format!("http://127.0.0.1:{}", free_port());
            address.clone()
        })
        .collect();
    assert_eq!(addresses.len(), 6);
    let output = Command::new(program("assent")).arg("doctor").env_clear().envs(variables).output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{out}");
    for address in addresses {
        assert!(out.contains(&address), "{address} was not asked: {out}{errors}");
    }
}
