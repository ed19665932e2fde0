//! Mail over SMTP, always with TLS unless the operator says otherwise.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{self, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{Attempting, Courier, Parcel, Reach, http};
use crate::config::{Config, SmtpTls};
use crate::contacts::Contact;
use crate::domain::{Attempt, Blame, Channel, Delivery};
use crate::templates::{Mail, Templates};

/// A mail server that takes what is sent.
pub(crate) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    templates: Arc<Templates>,
}

/// Why mail cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmailError {
    #[error("email_from is no address of mail")]
    From,
    #[error("smtp_user needs the file smtp_password in secrets_dir")]
    Password,
    #[error("smtp_tls is `none`: a password is not sent without TLS")]
    Plain,
    #[error("cannot read smtp_ca_file: {0}")]
    Authority(std::io::Error),
    #[error("the mail server's TLS cannot be set up: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

impl Email {
    /// The server of `config`, with the password of its user.
    pub(crate) fn new(
        config: &Config,
        password: Option<String>,
        timeout: Duration,
        templates: Arc<Templates>,
    ) -> Result<Self, EmailError> {
        let from: Mailbox = config.email_from.parse().map_err(|_| EmailError::From)?;
        let mut tls = TlsParameters::builder(config.smtp_host.clone());
        if !config.smtp_ca_file.is_empty() {
            let pem = std::fs::read(&config.smtp_ca_file).map_err(EmailError::Authority)?;
            tls = tls.add_root_certificate(Certificate::from_pem(&pem)?);
        }
        let tls = match config.smtp_tls {
            SmtpTls::Starttls => Tls::Required(tls.build()?),
            SmtpTls::Implicit => Tls::Wrapper(tls.build()?),
            SmtpTls::None if !config.smtp_user.is_empty() => return Err(EmailError::Plain),
            SmtpTls::None => Tls::None,
        };
        let connections = u32::try_from(config.channel_concurrency).unwrap_or(u32::MAX);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.smtp_host)
            .port(config.smtp_port)
            .tls(tls)
            .timeout(Some(timeout))
            .pool_config(PoolConfig::new().max_size(connections));
        if !config.smtp_user.is_empty() {
            let password = password.ok_or(EmailError::Password)?;
            builder = builder.credentials(Credentials::new(config.smtp_user.clone(), password));
        }
        Ok(Self { transport: builder.build(), from, templates })
    }

    fn message(&self, delivery: &Delivery, to: Address) -> Result<Message, String> {
        let mail = Mail {
            kind: &delivery.kind,
            priority: delivery.priority,
            session: delivery.session,
            title: &delivery.title,
            body: &delivery.body,
            details: &delivery.details,
        };
        let (text, html) =
            self.templates.mail(&mail).map_err(|error| format!("a template failed: {error}"))?;
        let domain = self.from.email.domain();
        let thread = delivery.session.map(|session| format!("<{session}@{domain}>"));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(delivery.title.as_str())
            // The same in every attempt, so that a repetition can be told.
            .message_id(Some(format!("<{}@{domain}>", delivery.id)))
            .date(delivery.created_at.utc().into())
            // Keeps vacation notices from answering.
            .header(AutoSubmitted);
        if let Some(thread) = thread {
            builder = builder.references(thread);
        }
        builder.multipart(MultiPart::alternative_plain_html(text, html)).map_err(|error| error.to_string())
    }

    async fn mail(&self, parcel: &Parcel) -> Attempt {
        let Some(to) = address(&parcel.contact) else {
            return Attempt::Gone("the directory has no address of mail".to_owned());
        };
        let message = match self.message(&parcel.delivery, to) {
            Ok(message) => message,
            Err(error) => return Attempt::Gone(error),
        };
        match self.transport.send(message).await {
            Ok(_) => Attempt::Accepted,
            Err(error) if error.is_permanent() => Attempt::Gone(http::describe(&error)),
            // The server speaks, and does not want this message now.
            Err(error) if error.is_transient() => Attempt::refused(Blame::Message, http::describe(&error)),
            Err(error) => Attempt::refused(Blame::Channel, http::describe(&error)),
        }
    }
}

impl Courier for Email {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn reach(&self, contact: &Contact) -> Reach {
        if address(contact).is_some() { Reach::Personal } else { Reach::Nowhere }
    }

    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Attempting<'a> {
        Box::pin(self.mail(parcel))
    }
}

fn address(contact: &Contact) -> Option<Address> {
    contact.email.as_deref()?.parse().ok()
}

/// `Auto-Submitted: auto-generated` (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
