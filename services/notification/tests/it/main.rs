//! Inboxes and messages, on SQLite and Postgres, with services that are played, endpoints that answer as a test says,
//! a real mail server, and the libraries of those who will read the messages.

#[cfg(test)]
mod attention;
#[cfg(test)]
mod buttons;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod posting;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod telling;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod watching;
