//! Bundles: sound ones are believed, and nothing else is.

#[cfg(test)]
mod bundle;
