//! Names that some reader takes for one another, because it does not regard the case of letters.

/// The same for names that differ in the case of letters only, in any alphabet: `ſ` is an s, the Kelvin sign a k, `ς` a `σ`.
/// It rather takes two names for one than one for two.
pub fn fold(name: &str) -> impl Iterator<Item = char> {
    // Up and down again: some signs have no other small form than through their capital, and the reverse.
    name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn names_that_differ_in_the_case_of_letters_are_one() {
        for (one, other) in
            [("iso", "iſo"), ("key", "\u{212A}EY"), ("ΣΑΣ", "σας"), ("\u{b5}", "μ"), ("straße", "STRASSE"), ("ẞ", "ß"), ("É", "é")]
        {
            assert!(fold(one).eq(fold(other)), "{one} and {other}");
        }
        for (one, other) in [("iso", "is"), ("a.b", "a_b"), ("e", "é")] {
            assert!(!fold(one).eq(fold(other)), "{one} and {other}");
        }
    }
}
