//! Selections made by chance from a seed.
