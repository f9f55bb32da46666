//! OpenID Connect against a certified provider: every misbehaviour of its own, of somebody between, and of two providers.
