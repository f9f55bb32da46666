//! Rules, asked in words.
