//! The picture of a new account, where the collection's settings name a file field for it.
//!
//! It is a courtesy: an account without one is as good, so that nothing that goes wrong here is anybody's fault.

use base::error::chain;
use records::core::field::FieldKind;
use records::{Draft, Error, Principal, Shape, Upload};
use serde_json::{Map, Value};
use url::Url;

use crate::fetch::Request;
use crate::provider::Profile;
use crate::service::Identity;
use crate::superusers::house;

/// What a picture without a name of its own is called.
const NAME: &str = "picture";
/// Characters of a name that are kept.
const NAME_LENGTH_MAX: usize = 60;

impl Identity {
    /// Gives a new account its picture, if it can be had.
    pub(super) async fn add_picture(&self, account: &Principal, profile: &Profile) {
        if let Err(why) = self.try_add_picture(account, profile).await {
            tracing::debug!(why, "an account goes without the picture that its provider names");
        }
    }

    async fn try_add_picture(&self, account: &Principal, profile: &Profile) -> Result<(), String> {
        let Some(field) = field_of(account) else { return Ok(()) };
        let Ok(url) = Url::parse(&profile.picture) else { return Ok(()) };
        let name =
            url.path_segments().and_then(|mut parts| parts.next_back()).filter(|name| !name.is_empty());
        let name: String = name.unwrap_or(NAME).chars().take(NAME_LENGTH_MAX).collect();
        let request = Request::get(url).header(hyper::header::ACCEPT, "image/*");
        let answer = self.external().fetch.send(request).await.map_err(|error| chain(&error))?;
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        self.keep(account, field, name, &answer.body).await.map_err(|error| chain(&error))
    }

    async fn keep(
        &self,
        account: &Principal,
        field: String,
        name: String,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let records = self.records();
        let mut file = records.store().files().begin().await?;
        file.write(bytes).await?;
        file.finish().await?;
        let draft = Draft { values: Map::new(), uploads: vec![Upload { key: field, name, file }] };
        let request = house(records, "PATCH", &Map::new())?;
        records
            .update(&request, &account.collection.name, &account.row.id, draft, &Shape::default())
            .await
            .map(drop)
    }
}

/// The file field that takes a picture and has none yet.
fn field_of(account: &Principal) -> Option<String> {
    let oauth2 = account.collection.auth.as_ref()?.other.get("oauth2")?;
    let name = oauth2.get("mappedFields")?.get("avatarURL").and_then(Value::as_str)?;
    let field = account.collection.field(name)?;
    matches!(field.kind, FieldKind::File(_)).then(|| field.name.clone())
}
