//! The SMTP server and the sender's address.

use std::net::IpAddr;
use std::time::Duration;

use base::secret::Secret;
use lettre::Address;

/// How the way to the server is kept secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// TLS that begins after a plain greeting (RFC 3207), always: port 587.
    #[default]
    StartTls,
    /// TLS from the first byte (RFC 8314): port 465.
    Tls,
    /// None; only to a server on this machine.
    Plain,
    /// None, over a network: whoever listens reads every code and link.
    PlainOverNetwork,
}

/// Everything that sending needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's name, by which it is also known in its certificate.
    pub server: String,
    /// Its port; `None` is the usual one.
    pub port: Option<u16>,
    /// How the way to it is kept secret.
    pub security: Security,
    /// The name to sign in with; empty: without.
    pub name: String,
    /// The secret to sign in with.
    pub secret: Option<Secret>,
    /// Certificates in PEM by which the server's own is known, besides those that the world knows.
    pub ca: Option<String>,
    /// The address that mails come from.
    pub from: String,
    /// The name beside that address.
    pub from_name: String,
    /// Longest time for one mail, from the greeting to the server's word.
    pub send_time_max: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            server: String::new(),
            port: None,
            security: Security::default(),
            name: String::new(),
            secret: None,
            ca: None,
            from: String::new(),
            from_name: String::new(),
            send_time_max: Duration::from_secs(30),
        }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Security {
    /// A way by its word in the service file.
    pub fn from_word(word: &str) -> Option<Security> {
        Some(match word {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            "plain" => Security::Plain,
            "plain-over-network" => Security::PlainOverNetwork,
            _ => return None,
        })
    }

    fn port(self) -> u16 {
        match self {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::Plain | Security::PlainOverNetwork => 25,
        }
    }
}

impl Config {
    /// The port in use.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.security.port())
    }

    /// Everything that is wrong.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |key, what: String| faults.push(Fault { key, what });
        if self.server.is_empty() {
            fault(
                "server",
                "the mail server is missing: write its name, such as \"smtp.example.com\"".into(),
            );
        } else if self.server.contains(['/', ':', '@']) || self.server.chars().any(char::is_whitespace) {
            let what = format!(
                "`{}` is no server's name; write \"smtp.example.com\", and the port as `port`",
                self.server
            );
            fault("server", what);
        }
        if self.security == Security::Plain && !self.server.is_empty() && !is_here(&self.server) {
            let what = format!(
                "codes and links would go to {} readable by all on the way; write \"starttls\" or \"tls\", or, where that \
                 network is yours alone, \"plain-over-network\"",
                self.server
            );
            fault("security", what);
        }
        if self.from.is_empty() {
            fault(
                "from",
                "the sender's address is missing: write one of yours, such as \"hello@example.com\"".into(),
            );
        } else if self.from.parse::<Address>().is_err() {
            fault("from", format!("`{}` is no mail address; write it as hello@example.com", self.from));
        }
        match (self.name.is_empty(), self.secret.is_some()) {
            (true, true) => fault("secret", "there is a secret and no `name` to sign in with it".into()),
            (false, false) => fault("name", "there is a name and no `secret` to sign in with it".into()),
            _ => {}
        }
        faults
    }
}

/// Whether a server is this machine, whatever else it is called.
fn is_here(server: &str) -> bool {
    server.eq_ignore_ascii_case("localhost")
        || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(server: &str, security: Security) -> Config {
        Config { server: server.into(), from: "a@b.example".into(), security, ..Config::default() }
    }

    fn keys(config: &Config) -> Vec<&'static str> {
        config.check().iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_plain_way_ends_on_this_machine_unless_the_file_says_so() {
        for (server, security, keys) in [
            ("127.0.0.1", Security::Plain, &[][..]),
            ("::1", Security::Plain, &["server"]),
            ("LOCALHOST", Security::Plain, &[]),
            ("localhost.example.com", Security::Plain, &["security"]),
            ("10.0.0.5", Security::Plain, &["security"]),
            ("10.0.0.5", Security::PlainOverNetwork, &[]),
            ("smtp.example.com", Security::StartTls, &[]),
        ] {
            assert_eq!(self::keys(&config(server, security)), keys, "{server}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        assert_eq!(keys(&Config::default()), ["server", "from"]);
        let wrong =
            Config { from: "no address".into(), name: "kim".into(), ..config("smtp://x", Security::Tls) };
        assert_eq!(keys(&wrong), ["server", "from", "name"]);
        let wrong = Config { secret: Some(Secret::new("s")), ..config("x.example", Security::Tls) };
        assert_eq!(keys(&wrong), ["secret"]);
    }

    #[test]
    fn a_port_is_the_usual_one_of_its_way() {
        assert_eq!(config("x", Security::StartTls).port(), 587);
        assert_eq!(config("x", Security::Tls).port(), 465);
        assert_eq!(Config { port: Some(2525), ..config("x", Security::Tls) }.port(), 2525);
    }
}
