//! Clients that others have written: the crates `openidconnect` and `oauth2`.

use std::future::Future;
use std::pin::Pin;

use base::time::Clock;
use oauth2::basic::BasicClient;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse, http,
};

use super::service::{Ground, REDIRECT, Service, WIKI, parameter, table};
use crate::house::EMAIL;

/// How they reach us.
fn line(
    service: &Service,
) -> impl Fn(HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, http::Error>> + Send>> {
    let front = service.front.clone();
    move |request: HttpRequest| {
        let front = front.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let host = head.uri.authority().expect("a host").as_str().parse().expect("a value");
            head.headers.insert("host", host);
            let request = http::Request::from_parts(head, axum::body::Body::from(body));
            let response = front.answer(request, std::net::IpAddr::from([127, 0, 0, 1])).await;
            let (head, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body").to_vec();
            Ok(http::Response::from_parts(head, body))
        })
    }
}

/// The browser goes where a client sends it, and comes back with what it is given.
async fn visit(service: &Service, cookie: &str, to: &url::Url) -> String {
    let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
    service.ask("GET", &path, &[("cookie", cookie)], "").await.header("location").to_owned()
}

async fn the_crate_openidconnect_signs_somebody_in(algorithm: &str) {
    let ground = Ground::lay(Clock::System).await;
    let client = table(&format!("trusted = true\nalgorithm = '{algorithm}'"));
    let service = ground.serve(&[(WIKI.0, &client, WIKI.1)], |_| {}).await;
    let line = line(&service);
    let issuer = IssuerUrl::new(service.url.clone()).expect("an address");
    let metadata = CoreProviderMetadata::discover_async(issuer, &line).await.expect("found");
    let (id, secret) = (ClientId::new(WIKI.0.into()), ClientSecret::new(WIKI.1.into()));
    let client = CoreClient::from_provider_metadata(metadata, id, Some(secret))
        .set_redirect_uri(RedirectUrl::new(REDIRECT.into()).expect("an address"));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (to, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["email", "profile", "offline_access"].map(|scope| Scope::new(scope.into())))
        .set_pkce_challenge(challenge)
        .url();
    let back = visit(&service, &service.cookie(&ground).await, &to).await;
    assert_eq!(parameter(&back, "state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(parameter(&back, "code").expect("a code"));
    let exchange = client.exchange_code(code).expect("an endpoint").set_pkce_verifier(verifier);
    let tokens = exchange.request_async(&line).await.expect("tokens");
    let id = tokens.id_token().expect("an ID token");
    let claims = id.claims(&client.id_token_verifier(), &nonce).expect("it is proved");
    assert_eq!(claims.email().map(|email| email.as_str()), Some(EMAIL));
    assert_eq!(claims.subject().as_str(), ground.user().await.row.id);
    let hash = openidconnect::AccessTokenHash::from_token(
        tokens.access_token(),
        id.signing_alg().expect("an algorithm"),
        id.signing_key(&client.id_token_verifier()).expect("a key"),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.expect("a hash")));
    let about =
        client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).expect("an endpoint");
    let about: CoreUserInfoClaims = about.request_async(&line).await.expect("answered");
    assert_eq!(about.email().map(|email| email.as_str()), Some(EMAIL));
    let refresh = tokens.refresh_token().expect("a refresh token");
    let renewed = client.exchange_refresh_token(refresh).expect("an endpoint").request_async(&line).await;
    let renewed = renewed.expect("renewed");
    let claims = renewed.id_token().expect("an ID token");
    let any = |_: Option<&Nonce>| Ok(());
    assert!(claims.claims(&client.id_token_verifier(), any).is_ok());
    assert_ne!(renewed.refresh_token().map(|token| token.secret()), Some(refresh.secret()));
}

#[tokio::test]
async fn the_crate_openidconnect_signs_somebody_in_by_eddsa() {
    the_crate_openidconnect_signs_somebody_in("EdDSA").await;
}

#[tokio::test]
async fn the_crate_openidconnect_signs_somebody_in_by_es256() {
    the_crate_openidconnect_signs_somebody_in("ES256").await;
}

#[tokio::test]
async fn the_crate_oauth2_gets_asks_about_and_gives_back_a_token() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let line = line(&service);
    let at = |path: &str| format!("{}/auth/oidc/{path}", service.url);
    let client = BasicClient::new(ClientId::new(WIKI.0.into()))
        .set_client_secret(ClientSecret::new(WIKI.1.into()))
        .set_auth_uri(oauth2::AuthUrl::new(at("authorize")).expect("an address"))
        .set_token_uri(oauth2::TokenUrl::new(at("token")).expect("an address"))
        .set_introspection_url(oauth2::IntrospectionUrl::new(at("introspect")).expect("an address"))
        .set_redirect_uri(RedirectUrl::new(REDIRECT.into()).expect("an address"));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let asking = client.authorize_url(CsrfToken::new_random).add_scope(Scope::new("openid".into()));
    let (to, _) = asking.set_pkce_challenge(challenge).url();
    let back = visit(&service, &service.cookie(&ground).await, &to).await;
    let code = AuthorizationCode::new(parameter(&back, "code").expect("a code"));
    let tokens =
        client.exchange_code(code).set_pkce_verifier(verifier).request_async(&line).await.expect("tokens");
    use oauth2::TokenIntrospectionResponse as _;
    let told = client.introspect(tokens.access_token()).request_async(&line).await.expect("answered");
    assert!(told.active() && told.client_id().map(|id| id.as_str()) == Some(WIKI.0));
    service.as_wiki("/auth/oidc/revoke", &[("token", tokens.access_token().secret())]).await;
    let told = client.introspect(tokens.access_token()).request_async(&line).await.expect("answered");
    assert!(!told.active());
}
