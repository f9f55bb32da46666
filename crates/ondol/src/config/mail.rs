//! The server that takes the service's mails: `[mail]`.

use mail::{Config, Security};
use serde::Deserialize;

use super::read::Reader;
use super::secret;

/// `[mail]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    server: String,
    port: Option<u16>,
    security: String,
    name: String,
    secret: secret::Written,
    ca: String,
    from: String,
    from_name: String,
}

impl Section {
    /// The settings; `None` where no mail is sent. Faults go to the reader.
    pub(super) fn settle(self, reader: &mut Reader<'_>, url: &str) -> Option<Config> {
        if !reader.has("mail") {
            return None;
        }
        let config = Config {
            security: security(&self.security, reader),
            ca: certificates(&self.ca, reader),
            server: self.server,
            port: self.port,
            name: self.name,
            secret: self.secret.0,
            from: self.from,
            from_name: self.from_name,
            ..Config::default()
        };
        for fault in config.check() {
            if !reader.is_faulty("mail", fault.key) {
                reader.blame("mail", fault.key, format!("`{}` in [mail]: {}", fault.key, fault.what));
            }
        }
        if config.check().is_empty()
            && let Err(error) = mail::Sender::new(config.clone())
        {
            reader.blame("mail", "ca", format!("[mail]: {error}"));
        }
        if url.is_empty() {
            let what = "mails hold links to this service: add url = \"https://…\" above all tables, as people reach it";
            reader.blame("mail", "", what.into());
        }
        Some(config)
    }
}

fn security(word: &str, reader: &mut Reader<'_>) -> Security {
    if word.is_empty() {
        return Security::default();
    }
    Security::from_word(word).unwrap_or_else(|| {
        let what = format!("there is no way `{word}`; write \"starttls\", \"tls\" or \"plain\"");
        reader.blame("mail", "security", format!("`security` in [mail]: {what}"));
        Security::default()
    })
}

fn certificates(path: &str, reader: &mut Reader<'_>) -> Option<String> {
    if path.is_empty() {
        return None;
    }
    let path = reader.folder().join(path);
    match std::fs::read_to_string(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            let what = format!("`ca` in [mail]: cannot read the certificates in {}: {error}", path.display());
            reader.blame("mail", "ca", what);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use mail::Security;

    use crate::config::Config;

    fn check(text: &str, faults: Expect) {
        let lines =
            Config::parse("ondol.toml", text).map_or_else(|f| f.lines.join("\n"), |c| format!("{c:?}"));
        faults.assert_eq(&lines);
    }

    #[test]
    fn a_mail_server_is_named_with_what_differs_from_the_usual() {
        let text = "service = \"popong.com\"\n[mail]\nserver = \"smtp.example.com\"\nname = \"kim\"\nsecret = \"floor\"\n\
                    from = \"hello@popong.com\"\n";
        let config = Config::parse("ondol.toml", text).expect("reads");
        assert!(!format!("{config:?}").contains("floor"), "a secret is not shown");
        let mail = config.mail.expect("mail");
        assert_eq!(
            (mail.port(), mail.security, mail.from.as_str()),
            (587, Security::StartTls, "hello@popong.com")
        );
        assert!(Config::parse("ondol.toml", "").expect("reads").mail.is_none());
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_told_before_anything_is_sent() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("ca.pem"), "nothing").expect("a file");
        let (file, text) = (
            dir.path().join("ondol.toml"),
            "service = \"popong.com\"\n[mail]\nserver = \"smtp.example.com\"\n",
        );
        std::fs::write(&file, format!("{text}from = \"hello@popong.com\"\nca = \"ca.pem\"\n"))
            .expect("a file");
        let failure = Config::read(&file).expect_err("no certificate");
        assert!(failure.lines[0].ends_with(":5: [mail]: `ca` holds no certificate in PEM"), "{failure:?}");
    }

    #[test]
    fn what_is_wrong_about_mail_is_told_with_its_line() {
        check(
            "[mail]\nserver = \"10.0.0.5\"\nsecurity = \"plain\"\nfrom = \"popong.com\"\n",
            expect![[r#"
                ondol.toml:1: mails hold links to this service: add url = "https://…" above all tables, as people reach it
                ondol.toml:3: `security` in [mail]: codes and links would go to 10.0.0.5 readable by all on the way; write "starttls" or "tls", or, where that network is yours alone, "plain-over-network"
                ondol.toml:4: `from` in [mail]: `popong.com` is no mail address; write it as hello@example.com"#]],
        );
        check(
            "service = \"popong.com\"\n\n[mail]\nsecurity = \"ssl\"\nsever = \"smtp.example.com\"\nport = 99999\nca = \"none.pem\"\n",
            expect![[r#"
                ondol.toml:3: `server` in [mail]: the mail server is missing: write its name, such as "smtp.example.com"
                ondol.toml:3: `from` in [mail]: the sender's address is missing: write one of yours, such as "hello@example.com"
                ondol.toml:4: `security` in [mail]: there is no way `ssl`; write "starttls", "tls" or "plain"
                ondol.toml:5: unknown key `sever` in [mail]; did you mean `server`?
                ondol.toml:6: `port` in [mail]: invalid value: integer `99999`, expected u16
                ondol.toml:7: `ca` in [mail]: cannot read the certificates in none.pem: No such file or directory (os error 2)"#]],
        );
    }
}
