//! The SMTP server: one connection for each mail.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::config::{Config, Security};
use crate::error::Error;
use crate::message::Message;

/// How a certificate begins (RFC 7468, 5): of a text without one the parser makes none, and says nothing.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Gives mails to the server of the settings.
#[derive(Clone, Debug)]
pub struct Sender {
    config: Config,
    from: Address,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Sender {
    /// A sender by these settings. Nothing is connected yet; an error names what in them is wrong.
    pub fn new(config: Config) -> Result<Sender, Error> {
        if let Some(fault) = config.check().into_iter().next() {
            return Err(Error::Unfit { what: fault.what });
        }
        let from: Address =
            config.from.parse().map_err(|_| unfit("the sender's address is no mail address"))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.server.as_str())
            .port(config.port())
            .timeout(Some(config.send_time_max))
            .hello_name(ClientId::Domain(from.domain().to_owned()))
            .tls(tls(&config)?);
        if let Some(secret) = config.secret.as_ref().filter(|_| !config.name.is_empty()) {
            // to sign in with it
            builder = builder.credentials(Credentials::new(config.name.clone(), secret.reveal().to_owned()));
        }
        Ok(Sender { config, from, transport: builder.build() })
    }

    /// Gives a mail to the server: `Ok` once it has said that it has it.
    pub async fn send(&self, message: &Message) -> Result<(), Error> {
        let written = message.written(&self.from, &self.config.from_name)?;
        match tokio::time::timeout(self.config.send_time_max, self.transport.send(written)).await {
            Ok(sent) => Ok(sent.map(drop)?),
            Err(_) => Err(Error::Later { why: format!("no answer within {:?}", self.config.send_time_max) }),
        }
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

fn tls(config: &Config) -> Result<Tls, Error> {
    let wraps: fn(TlsParameters) -> Tls = match config.security {
        Security::Plain | Security::PlainOverNetwork => return Ok(Tls::None),
        Security::StartTls => Tls::Required,
        Security::Tls => Tls::Wrapper,
    };
    let mut parameters = TlsParameters::builder(config.server.clone());
    if let Some(pem) = &config.ca {
        let known = Some(pem).filter(|pem| pem.contains(CERTIFICATE));
        let known = known.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        let known = known.ok_or_else(|| unfit("`ca` holds no certificate in PEM"))?;
        parameters = parameters.add_root_certificate(known);
    }
    parameters
        .build()
        .map(wraps)
        .map_err(|error| unfit(&format!("the server's name fits no certificate: {error}")))
}

fn unfit(what: &str) -> Error {
    Error::Unfit { what: what.to_owned() }
}
