//! Linking and unlinking.
