//! Codes of findings. Part of the API: a code, once released, keeps its meaning.

/// The plan has no goal.
pub const GOAL_REQUIRED: &str = "GOAL_REQUIRED";
/// The plan has no item.
pub const ITEMS_REQUIRED: &str = "ITEMS_REQUIRED";
/// More items than a plan may have.
pub const TOO_MANY_ITEMS: &str = "TOO_MANY_ITEMS";
/// More dependencies than a plan may have.
pub const TOO_MANY_DEPENDENCIES: &str = "TOO_MANY_DEPENDENCIES";
/// A list has more entries than it may.
pub const TOO_MANY_ENTRIES: &str = "TOO_MANY_ENTRIES";
/// A text is longer than it may be.
pub const TEXT_TOO_LONG: &str = "TEXT_TOO_LONG";
/// Arguments or context are larger than they may be.
pub const VALUE_TOO_LARGE: &str = "VALUE_TOO_LARGE";
/// Arguments or context are nested more deeply than they may be.
pub const NESTING_TOO_DEEP: &str = "NESTING_TOO_DEEP";
/// A number that some readers would round; it must travel as a text.
pub const NUMBER_NOT_EXACT: &str = "NUMBER_NOT_EXACT";
/// An item has no name.
pub const NAME_REQUIRED: &str = "NAME_REQUIRED";
/// Two items have one id.
pub const ITEM_ID_DUPLICATE: &str = "ITEM_ID_DUPLICATE";
/// Items wait for each other.
pub const DEPENDENCY_CYCLE: &str = "DEPENDENCY_CYCLE";
/// An item waits for itself.
pub const DEPENDENCY_ON_ITSELF: &str = "DEPENDENCY_ON_ITSELF";
/// A dependency names an item that is not there.
pub const DEPENDENCY_UNKNOWN_ITEM: &str = "DEPENDENCY_UNKNOWN_ITEM";
/// Two dependencies between the same items.
pub const DEPENDENCY_DUPLICATE: &str = "DEPENDENCY_DUPLICATE";
/// An item names no tool.
pub const TOOL_REQUIRED: &str = "TOOL_REQUIRED";
/// The catalog has no such tool.
pub const TOOL_UNKNOWN: &str = "TOOL_UNKNOWN";
/// The plan forbids the tool.
pub const TOOL_FORBIDDEN: &str = "TOOL_FORBIDDEN";
/// The plan allows other tools only.
pub const TOOL_NOT_ALLOWED: &str = "TOOL_NOT_ALLOWED";
/// Arguments break the tool's schema.
pub const ARGUMENTS_INVALID: &str = "ARGUMENTS_INVALID";
/// An argument holds a secret itself rather than a reference to it.
pub const LITERAL_SECRET: &str = "LITERAL_SECRET";
/// A secret is referred to where its tool does not take one.
pub const SECRET_NOT_ALLOWED: &str = "SECRET_NOT_ALLOWED";
/// A text begins like a reference and is none.
pub const REFERENCE_MALFORMED: &str = "REFERENCE_MALFORMED";
/// A reference names an item that is not there.
pub const REFERENCE_UNKNOWN_ITEM: &str = "REFERENCE_UNKNOWN_ITEM";
/// A reference names an item that need not have run before.
pub const REFERENCE_NOT_UPSTREAM: &str = "REFERENCE_NOT_UPSTREAM";
/// A reference names an output that the item's tool does not have.
pub const REFERENCE_UNKNOWN_OUTPUT: &str = "REFERENCE_UNKNOWN_OUTPUT";
/// A bound cannot be judged.
pub const BOUND_INVALID: &str = "BOUND_INVALID";
/// A timeout or duration is zero or longer than it may be.
pub const DURATION_OUT_OF_RANGE: &str = "DURATION_OUT_OF_RANGE";
/// More retries than an item may have.
pub const RETRIES_OUT_OF_RANGE: &str = "RETRIES_OUT_OF_RANGE";

/// Warning: the item changes something and cannot be undone.
pub const IRREVERSIBLE_ITEM: &str = "IRREVERSIBLE_ITEM";
/// Warning: a rollback is given and at the same time said to be impossible.
pub const ROLLBACK_UNUSED: &str = "ROLLBACK_UNUSED";
/// Warning: the rollback acts on something else than the item does.
pub const ROLLBACK_MISMATCH: &str = "ROLLBACK_MISMATCH";
/// Warning: an item of declared high risk does not say how to tell that it succeeded.
pub const NO_SUCCESS_CRITERIA: &str = "NO_SUCCESS_CRITERIA";
/// Warning: an output is passed on and never used.
pub const OUTPUT_UNUSED: &str = "OUTPUT_UNUSED";
/// Warning: an output is used although its item may have failed.
pub const REFERENCE_MAY_BE_MISSING: &str = "REFERENCE_MAY_BE_MISSING";
/// Warning: a text looks like a mistyped reference and will be taken as it is.
pub const REFERENCE_SUSPECT: &str = "REFERENCE_SUSPECT";
/// Warning: an item is retried although running it twice is not the same as once.
pub const RETRY_NOT_IDEMPOTENT: &str = "RETRY_NOT_IDEMPOTENT";
/// Warning: a limit of an item lies beyond that of the plan.
pub const LIMIT_BEYOND_PLAN: &str = "LIMIT_BEYOND_PLAN";
/// Warning: the plan allows or forbids a tool that the catalog does not have.
pub const TOOL_LIST_UNKNOWN: &str = "TOOL_LIST_UNKNOWN";
