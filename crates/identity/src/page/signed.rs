//! A visitor who has signed in; and one who has just shown who it is, as is asked before an account is changed.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use records::Principal;
use records::core::value::Values;

use super::form::Form;
use super::goal;
use super::turn::Turn;
use super::visitor::Visitor;
use super::{ACCOUNT, SIGN_IN, address};
use crate::service::Identity;
use crate::session::{Check, Proven};

/// A visitor who has signed in.
pub(super) struct Signed {
    pub(super) visitor: Visitor,
    pub(super) proven: Proven,
}

impl Signed {
    /// Whoever has signed in; everybody else signs in first.
    pub(super) async fn of(identity: &Identity, head: Parts) -> Result<Signed, Turn> {
        let visitor = Visitor::of(identity, head, Check::Anew).await?;
        match visitor.session.clone() {
            Some(proven) => Ok(Signed { visitor, proven }),
            None => {
                let is_look = visitor.head.method == axum::http::Method::GET;
                let here = visitor.head.uri.path_and_query().map_or(ACCOUNT, |path| path.as_str());
                let pairs = [("return_to", if is_look { here } else { ACCOUNT })];
                Err(Turn::Elsewhere(address(SIGN_IN, &pairs)))
            }
        }
    }

    /// Whoever has just signed in; everybody else shows once more who it is, then comes back to a page.
    pub(super) async fn fresh(identity: &Identity, head: Parts, back: &str) -> Result<Signed, Turn> {
        let signed = Signed::of(identity, head).await?;
        signed.is_fresh(identity, back).await?;
        Ok(signed)
    }

    /// The same with the form that was sent.
    pub(super) async fn fresh_form(
        identity: &Identity,
        head: Parts,
        body: Body,
        back: &str,
    ) -> Result<(Signed, Form), Turn> {
        let signed = Signed::of(identity, head).await?;
        let form = Form::read(identity, &signed.visitor, body).await?;
        signed.is_fresh(identity, back).await?;
        Ok((signed, form))
    }

    async fn is_fresh(&self, identity: &Identity, back: &str) -> Result<(), Turn> {
        match self.visitor.is_fresh(identity).await? {
            true => Ok(()),
            false => Err(Turn::Elsewhere(goal::again(&self.visitor, back))),
        }
    }

    /// The account.
    pub(super) fn account(&self) -> &Arc<Principal> {
        &self.proven.principal
    }

    /// What it holds.
    pub(super) fn values(&self, identity: &Identity) -> Values {
        identity.records().values(&self.account().collection, &self.account().row)
    }
}
