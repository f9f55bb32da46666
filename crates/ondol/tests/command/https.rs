//! `ondol check` of `[tls]`: certificates that openssl made, a hook, and ports that others have.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use crate::running::run;

/// A certificate for a name that has ended so many days ago, or will in so many.
fn certificate(dir: &Path, file: &str, name: &str, days: &str) {
    let (chain, key) = (format!("{file}.pem"), format!("{file}.key"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=t",
        ])
        .args([
            "-addext",
            &format!("subjectAltName=DNS:{name}"),
            "-days",
            days,
            "-out",
            &chain,
            "-keyout",
            &key,
        ])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is missing: apt install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn check(dir: &Path, tls: &str, listen: &str) -> (i32, String, String) {
    let text = format!("service = \"popong.com\"\nlisten = \"{listen}\"\n[tls]\n{tls}\n");
    std::fs::write(dir.join("ondol.toml"), text).expect("a file");
    run(dir, &["check"])
}

#[test]
fn check_says_of_https_what_would_fail_and_what_to_do() {
    let dir = tempdir().expect("a folder");
    let dir = dir.path();
    certificate(dir, "good", "popong.com", "90");
    certificate(dir, "soon", "popong.com", "3");
    certificate(dir, "other", "other.example", "90");
    let free = "127.0.0.1:0";
    let (code, stdout, stderr) =
        check(dir, "certificate = \"good.pem\"\nkey = \"good.key\"\nplain_listen = \"off\"", free);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("good.pem is for popong.com, until 20"), "{stdout}");
    for (tls, told) in [
        ("certificate = \"none.pem\"", "cannot read none.pem: No such file"),
        (
            "certificate = \"good.pem\"\nkey = \"other.key\"",
            "good.pem with other.key: certificate and key don't belong together",
        ),
        ("certificate = \"soon.pem\"\nkey = \"soon.key\"", "soon.pem (for popong.com) ends on 20"),
        (
            "certificate = \"other.pem\"\nkey = \"other.key\"",
            "no certificate is for popong.com, as the service is called",
        ),
        ("email = \"a@popong.com\"\ndns_hook = \"hook\"", "the hook hook can't be found: No such file"),
        (
            "email = \"a@popong.com\"\ndns_hook = \"good.pem\"",
            "the hook good.pem may not be run: chmod +x good.pem",
        ),
    ] {
        let (code, stdout, stderr) = check(dir, &format!("{tls}\nplain_listen = \"off\""), free);
        assert_eq!(code, 3, "{stdout}\n{stderr}");
        assert!(stderr.starts_with("ondol: [tls]: ") && stderr.contains(told), "{stderr}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let tls = format!("certificate = \"good.pem\"\nkey = \"good.key\"\nplain_listen = \"{address}\"");
    let (code, _, stderr) = check(dir, &tls, free);
    let process = std::process::id();
    assert_eq!(code, 3);
    assert!(
        stderr.contains(&format!("{address} is taken by "))
            && stderr.contains(&format!("(process {process})")),
        "{stderr}"
    );
}
