//! A server that others wrote: llama.cpp with a small model, whole and in pieces. It keeps the model to the schema; whether
//! such a model makes good plans is another matter.

use assent_core::Fault as _;
use assent_planner::{App, Backend, Config, CreatePlan};

use super::model::wiring;
use super::{CATALOG, LIBRARY};

#[tokio::test]
#[ignore = "needs a model: tests/model.sh runs it"]
async fn llama_cpp_takes_the_schema_and_keeps_to_it() {
    for stream in [false, true] {
        let config = Config {
            llm_url: std::env::var("ASSENT_TEST_MODEL_URL").unwrap(),
            llm_model: "smollm2".to_owned(),
            llm_stream: stream,
            llm_bounded_schema: true,
            llm_max_tokens: 400,
            llm_timeout_seconds: 600,
            ..Config::default()
        };
        let app = App::new(CATALOG.clone(), LIBRARY.clone()).configured(&config, &wiring());
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        let goal = "Write the word hello to the file hello.txt".to_owned();
        let command = CreatePlan { goal, backend: Some(Backend::Llm), ..CreatePlan::default() };
        match app.create(command).await {
            Ok(made) => {
                let usage = made.usage.unwrap();
                assert!(usage.input_tokens > 100 && usage.output_tokens > 10, "{usage:?}");
                println!("a plan of {} items, {usage:?}", made.plan.items.len());
            }
            Err(error) => {
                // The server took every question; what the model wrote may be cut off or make no sense, but it is JSON by
                // the schema as far as it goes.
                assert_eq!(error.reason().0, "MODEL_PLAN_INVALID", "{error}");
                let found = error.violations();
                assert!(found.iter().all(|v| v.code != "NO_JSON"), "{found:?}");
                println!("no sound plan: {error}");
            }
        }
    }
}
