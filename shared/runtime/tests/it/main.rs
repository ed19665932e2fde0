//! What the runtime does for any service, through its port: shown by one that says who called.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
