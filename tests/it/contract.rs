//! The contract keeps its own promises: rules of fields, comments of methods.

use assent_testkit::Storage;
use assent_tests::{Embedded, Refusal, people, raw};

use crate::support::{methods, reasons_of_comments, required_fields};

/// A request without its required fields is refused, and every one of them is named.
#[tokio::test(flavor = "multi_thread")]
async fn every_required_field_is_missed_by_name() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    let token = people::token(people::SERVICE);
    let mut checked = 0;
    for method in methods() {
        let required = required_fields(&method.input);
        if required.is_empty() {
            continue;
        }
        let answer = raw::call(stack.address(), Some(&token), &method.path(), Vec::new(), &[]).await;
        let refusal = Refusal::from(answer.unwrap_err());
        let said = (refusal.code, refusal.reason.as_str());
        assert_eq!(said, (tonic::Code::InvalidArgument, "REQUEST_INVALID"), "{}", method.path());
        for field in required {
            assert!(refusal.fields.contains(&field), "{}: {field} is not named", method.path());
        }
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} methods have required fields");
}

/// Whoever reads the proto knows what a method does to a session, and how it can fail.
#[test]
fn every_method_says_when_it_is_allowed_what_comes_and_what_fails() {
    for method in methods() {
        for part in ["Allowed in:", "Result:", "Errors:"] {
            assert!(method.comment.contains(part), "{} lacks {part:?}", method.path());
        }
        let names = reasons_of_comments(&method.comment);
        let none = method.comment.contains("Errors: none");
        assert!(none || !names.is_empty(), "{} names no reason", method.path());
    }
}
