//! What OAuth 1.0a decides: `sign` (a request's signature and its `Authorization` header), `answer` (what the provider
//! answers for tokens), `callback` (what comes back through the browser).

pub mod answer;
pub mod callback;
pub mod sign;
