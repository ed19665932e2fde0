//! States have one name each, in SQL, logs and errors.

/// A fact that cannot become true in the state that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {state}; {fact} cannot follow")]
pub(crate) struct IllegalTransition {
    /// `execution` or `work item run`.
    pub(crate) what: &'static str,
    /// Name of the state.
    pub(crate) state: &'static str,
    /// Name of the fact.
    pub(crate) fact: &'static str,
}

/// Declares an enum with `as_str`; one marked `stored` is also read back by `from_name`.
macro_rules! names {
    ($(#[$doc:meta])* stored $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        names! { $(#[$doc])* $name { $($(#[$variant_doc])* $variant => $text,)+ } }

        impl $name {
            /// The value of that name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in SQL, logs and errors.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

pub(super) use names;
