//! The rules of a review, without any I/O: what may follow what, who may vote, when a plan is approved.

pub mod audit;
pub mod carry;
pub mod comment;
pub mod deadline;
pub mod decision;
pub mod directory;
pub mod eligibility;
pub mod grant;
pub mod involved;
pub mod license;
pub mod member;
pub mod modification;
pub mod options;
pub mod partial;
pub mod quorum;
pub mod session;
pub mod state;
pub mod vote;
pub mod waiting;

/// Declares an enum whose values have one name each, the same in SQL, JSON and text.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in SQL, JSON and text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of that name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use names;
