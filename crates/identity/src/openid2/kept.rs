//! What is remembered between sign-ins, for all web servers: the newest key agreed on with each provider, and the nonces
//! that were used. Both lie among the flows.

use base::time::Timestamp;
use records::{Error, Records};

use super::core::assertion::SKEW_MAX;
use super::core::association::Association;
use crate::flow;

/// What used nonces are called among the flows.
const NONCE: &str = "openid_nonce";
/// What keys are called there.
const KEY: &str = "openid_key";

/// Uses up a nonce of a provider. False when it was used before, by whichever web server.
pub async fn use_up(records: &Records, endpoint: &str, nonce: &str) -> Result<bool, Error> {
    // a nonce from as far ahead as is allowed can be sent for twice as long
    let life = i64::try_from(SKEW_MAX.as_millis()).unwrap_or(i64::MAX) * 2;
    flow::claim(records, NONCE, &format!("{endpoint}\n{nonce}"), life).await
}

/// The key agreed on with a provider, if it is good until that time.
pub async fn association(
    records: &Records,
    endpoint: &str,
    until: Timestamp,
) -> Result<Option<Association>, Error> {
    let data = flow::look(records, KEY, endpoint).await?;
    let association = data.and_then(|data| serde_json::from_str::<Association>(&data).ok());
    Ok(association.filter(|association| association.until >= until))
}

/// Keeps a key agreed on with a provider, in the place of an older one.
pub async fn keep(records: &Records, endpoint: &str, association: &Association) -> Result<(), Error> {
    flow::take(records, KEY, endpoint).await?;
    let data = serde_json::to_string(association).expect("texts and a number become JSON");
    let life = association.until.0.saturating_sub(records.clock().now().0);
    // one that another web server has kept at the same moment is as good
    flow::put(records, KEY, endpoint, &data, life).await.map(drop)
}

/// Forgets a key that the provider does not know any more.
pub async fn forget(records: &Records, endpoint: &str, handle: &str) -> Result<(), Error> {
    let known = association(records, endpoint, Timestamp(0)).await?;
    if known.is_some_and(|association| association.handle == handle) {
        flow::take(records, KEY, endpoint).await?;
    }
    Ok(())
}
