//! `POST auth-with-password`: an address (or another identity field) and a password for a token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base::error::Fields;
use records::core::collection::{AuthOptions, Collection};
use records::{Context, Principal};
use serde_json::{Map, Value};
use web::Problem;

use super::answer::enter;
use super::ask::{Ask, count};
use crate::mfa::Way;
use crate::origin::Place;
use crate::service::Identity;

/// Longest identity and password, in characters.
pub(crate) const LENGTH_MAX: usize = 255;

struct Given {
    identity: String,
    password: String,
    field: Option<String>,
}

pub(super) async fn sign_in(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    count(&identity, &collection, &head, &["authWithPassword", "auth"])?;
    let mut ask = Ask::read(&identity, &collection, Request::from_parts(head, body)).await?;
    let options = ask.collection.auth.as_ref().filter(|options| options.has_password);
    let Some(options) = options else {
        let why = "The collection is not configured to allow password authentication.";
        return Err(Problem::new(StatusCode::FORBIDDEN, why));
    };
    let given = read(&ask.request.body, options)?;
    let fields = fields(&given, options);
    ask.request.context = Context::Password;
    let (who, password) = (&given.identity, &given.password);
    match known(&identity, &ask.collection, &fields, [who, password], &ask.place).await? {
        Some(account) => enter(&identity, ask, account, Way::Password).await,
        None => Err(Problem::invalid("Failed to authenticate.")),
    }
}

/// The account that has this password, among those whose fields say who they are; it takes as long for nobody. That there is
/// none is noted, and after too many guesses nobody is looked for.
pub(crate) async fn known(
    identity: &Identity,
    collection: &Arc<Collection>,
    fields: &[String],
    [who, password]: [&str; 2],
    place: &Place,
) -> Result<Option<Arc<Principal>>, Problem> {
    if let Some(seconds) = identity.too_many_guesses(collection, who, place).await? {
        return Err(Problem::too_often(seconds));
    }
    let account = identity.records().find_account(collection, fields, who).await?;
    // without an account this takes as long and is false
    if identity.records().verify_password(account.as_ref(), password).await? {
        return Ok(account.map(Arc::new));
    }
    identity.note_refused(collection, Way::Password, who, account.as_ref(), place).await;
    Ok(None)
}

/// Where to look for the identity: the field that was named, or all of them with the address first.
fn fields(given: &Given, options: &AuthOptions) -> Vec<String> {
    if let Some(field) = &given.field {
        return vec![field.clone()];
    }
    all_fields(options)
}

/// The fields that say who somebody is, the address first.
pub(crate) fn all_fields(options: &AuthOptions) -> Vec<String> {
    let mut fields = options.identity_fields.clone();
    fields.sort_by_key(|field| field != "email");
    fields
}

fn read(body: &Map<String, Value>, options: &AuthOptions) -> Result<Given, Problem> {
    let mut faults = Fields::default();
    let mut text = |name: &str, is_needed: bool| {
        let text = match body.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            _ => String::new(),
        };
        if text.is_empty() && is_needed {
            faults.add(name, "validation_required", "Cannot be blank.");
        } else if text.chars().count() > LENGTH_MAX {
            faults.add(name, "validation_length_out_of_range", "The length must be between 1 and 255.");
        }
        text
    };
    let (identity, password, field) =
        (text("identity", true), text("password", true), text("identityField", false));
    if !field.is_empty() && !options.identity_fields.contains(&field) {
        faults.add("identityField", "validation_in_invalid", "Must be a valid value.");
    }
    if !faults.is_empty() {
        return Err(Problem::invalid("An error occurred while validating the submitted data.").with(faults));
    }
    Ok(Given { identity, password, field: Some(field).filter(|field| !field.is_empty()) })
}
