//! What a visitor wants of signing in: among which accounts, as whom, and where to afterwards. The forms carry it from page to
//! page; nothing is kept here.

use std::sync::Arc;

use maud::{Markup, html};
use records::core::collection::Collection;
use web::Problem;

use super::form::{Form, hidden};
use super::visitor::Visitor;
use super::{ACCOUNT, SIGN_IN, address};
use crate::endpoint::auth_collection;
use crate::service::Identity;

/// The collection of accounts where none is named.
const COLLECTION: &str = "users";

/// What a visitor wants.
#[derive(Clone)]
pub(crate) struct Goal {
    pub(crate) collection: Arc<Collection>,
    pub(crate) return_to: String,
    /// The address, or what else says who it is, as it was typed; empty where nothing was.
    pub(crate) who: String,
    /// The half sign-in that is to be completed; empty for none.
    pub(crate) half: String,
    /// Whoever has signed in shows once more who it is; else empty.
    pub(crate) again: String,
}

impl Goal {
    /// As an address says it.
    pub(crate) fn of_query(identity: &Identity, visitor: &Visitor) -> Result<Goal, Problem> {
        let name = visitor.query("collection");
        let collection = auth_collection(identity, if name.is_empty() { COLLECTION } else { &name })?;
        let return_to = visitor.return_to().unwrap_or_default();
        let again = visitor.query("again");
        Ok(Goal { collection, return_to, who: String::new(), half: String::new(), again })
    }

    /// As a form says it.
    pub(crate) fn of_form(identity: &Identity, form: &Form) -> Result<Goal, Problem> {
        let collection = auth_collection(identity, form.text("collection"))?;
        let text = |name: &str| form.text(name).to_owned();
        Ok(Goal {
            collection,
            return_to: form.return_to().unwrap_or_default().to_owned(),
            who: text("who").trim().to_owned(),
            half: text("half"),
            again: text("again"),
        })
    }

    /// The fields that carry it.
    pub(crate) fn fields(&self, mark: &str) -> Markup {
        html! {
            (hidden(mark, &self.return_to))
            input type="hidden" name="collection" value=(self.collection.name);
            @for (name, value) in [("who", &self.who), ("half", &self.half), ("again", &self.again)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
        }
    }

    /// The same goal at a page that begins.
    pub(crate) fn begin(&self, path: &str) -> String {
        let name = Some(self.collection.name.as_str()).filter(|name| *name != COLLECTION);
        let pairs = [
            ("collection", name.unwrap_or_default()),
            ("return_to", &self.return_to),
            ("again", &self.again),
        ];
        address(path, &pairs)
    }

    /// Where to afterwards.
    pub(crate) fn end(&self) -> &str {
        if self.return_to.is_empty() { ACCOUNT } else { &self.return_to }
    }
}

/// Where whoever has signed in shows once more who it is, and then comes back.
pub(crate) fn again(visitor: &Visitor, return_to: &str) -> String {
    let name = visitor.session.as_ref().map(|proven| proven.principal.collection.name.as_str());
    let name = name.filter(|name| *name != COLLECTION).unwrap_or_default();
    address(SIGN_IN, &[("collection", name), ("return_to", return_to), ("again", "1")])
}
