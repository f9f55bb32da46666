//! The balancers in front of this web server, asked how they are for the console: with the operators' secret, as the service file
//! names them in `[metrics] balancers`.

use std::time::Duration;

use base::secret::Secret;
use console::balancers::{Ask, Asking, Seen, Status};

use crate::part::reach::http;

/// Longest wait for a balancer's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const PATH: &str = "/metrics/status";

/// The balancers.
pub(super) struct Fronts {
    pub(super) addresses: Vec<String>,
    pub(super) secret: Option<Secret>,
}

impl Ask for Fronts {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let mut seen = Vec::with_capacity(self.addresses.len());
            for address in &self.addresses {
                seen.push(Seen { address: address.clone(), status: self.ask_one(address).await });
            }
            seen
        })
    }
}

impl Fronts {
    async fn ask_one(&self, address: &str) -> Result<Status, String> {
        let secret = self.secret.as_ref().map(Secret::reveal);
        match tokio::time::timeout(ANSWER_TIME_MAX, http::get_as(address, PATH, secret)).await {
            Err(_) => Err(format!("it does not answer within {} s", ANSWER_TIME_MAX.as_secs())),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok((200, text))) => serde_json::from_str(&text).map_err(|error| format!("its answer can't be read: {error}")),
            Ok(Ok((401 | 403 | 404 | 503, _))) => Err(
                "it does not know this web server as an operator: its [metrics] secret is another one, or it is no balancer".into(),
            ),
            Ok(Ok((status, _))) => Err(format!("it answers with the status {status}")),
        }
    }
}
