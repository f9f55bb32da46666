//! Every known way to get into somebody else's account, or to keep a foot in it; each test is named after one.
