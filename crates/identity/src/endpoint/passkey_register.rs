//! `POST passkey-register`: a new passkey of whoever has signed in and asked for it; the answer is its record in `_passkeys`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use records::core::change::PASSKEYS;
use serde_json::Value;
use web::Problem;

use super::{mailing, passkey};
use crate::own;
use crate::passkey::{NAME_LENGTH_MAX, register};
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "passkeyRegister").await?;
    let (site, account) = (passkey::site(&identity, &ask.collection)?, mailing::own_account(&ask)?);
    let credential = ask.request.body.get("credential").unwrap_or(&Value::Null);
    let name = ask.request.body.get("name").and_then(Value::as_str).unwrap_or_default();
    let name: String = name.trim().chars().take(NAME_LENGTH_MAX).collect();
    match register(&identity, site, &account, credential, &name, &ask.place).await? {
        Ok(row) => {
            let passkeys = own::collection(identity.records(), PASSKEYS)?;
            let shown = identity.records().render(&ask.request, &passkeys, &row, &ask.shape).await?;
            Ok(web::reply::json_text(shown))
        }
        Err(flaw) => Err(passkey::refused(&flaw)),
    }
}
