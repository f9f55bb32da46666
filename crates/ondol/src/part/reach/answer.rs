//! Whether a web server answers: one request to `/api/health`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use trust::Tls;

use super::http;

const HEALTH: &str = "/api/health";

/// Asks the server that listens there; an error says why there is no good answer.
pub(crate) async fn ask(listen: &str, time: Duration, verb: &str) -> Result<(), String> {
    ask_among(None, listen, time, verb).await
}

/// The same of one that lets in whoever shows the hosts' papers, and nobody else.
pub(crate) async fn ask_among(
    tls: Option<&Tls>,
    listen: &str,
    time: Duration,
    verb: &str,
) -> Result<(), String> {
    let Some(address) = crate::house::addresses(listen).ok().and_then(|found| found.into_iter().next())
    else {
        return Err(format!("`{listen}` is not an address"));
    };
    if address.port() == 0 {
        return Err("it takes a free port at each start, so nobody knows where to ask".into());
    }
    let asked = async {
        match tls {
            // by its name, which its papers are for
            Some(tls) => http::get_among(tls, listen, HEALTH).await,
            None => http::get(&near(address).to_string(), HEALTH).await,
        }
    };
    match tokio::time::timeout(time, asked).await {
        Err(_) => Err(format!("it does not answer within {} s", time.as_secs())),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(format!("nothing listens there; start it with `{verb}`"))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok((200, _))) => Ok(()),
        Ok(Ok((status, _))) => Err(format!("it answers with the status {status}")),
    }
}

/// Where a server on this machine that listens everywhere can be asked.
fn near(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let is_v4 = address.is_ipv4();
        address.set_ip(if is_v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}
