//! What every page is sent with (OA-18), and the one stylesheet, which the policy allows by its hash.

/// The stylesheet of all pages: the whole content of their one `<style>`.
pub const STYLE: &str = include_str!("../templates/style.css");

/// Name, value.
///
/// The policy has no `form-action`: the consent form's POST ends in a redirect to the client or to the identity provider, and Chromium
/// holds the whole chain against it.
///
/// `no-referrer` alone would make a browser post the form with `Origin: null` (Fetch §3.2), which the issuer must refuse. So each page
/// says `same-origin` in a `<meta>`, which goes over the header: its own posts carry their origin, and no other site learns an address.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", POLICY), // OA-18
    ("x-frame-options", "DENY"),         // OA-18
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"), // OA-18
];

const POLICY: &str =
    "default-src 'none'; style-src 'sha256-4+//ErywWaren7gZC23OjDBwiBcoO9HN+tmRFk24Af0='; base-uri 'none'; frame-ancestors 'none'";
