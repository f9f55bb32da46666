//! Why a page is not shown: something is wrong, or the visitor is sent elsewhere first.

use axum::response::{IntoResponse, Response};
use web::Problem;

/// Why a page is not shown. Any fault becomes one by `?`.
pub(crate) enum Turn {
    /// Something is wrong.
    Problem(Box<Problem>),
    /// Look there instead.
    Elsewhere(String),
}

/// What a page comes to.
pub(crate) type Shown = Result<Response, Turn>;

impl<F: Into<Problem>> From<F> for Turn {
    fn from(fault: F) -> Turn {
        Turn::Problem(Box::new(fault.into()))
    }
}

impl IntoResponse for Turn {
    fn into_response(self) -> Response {
        match self {
            Turn::Problem(problem) => problem.into_response(),
            Turn::Elsewhere(to) => web::reply::see_other(&to),
        }
    }
}
