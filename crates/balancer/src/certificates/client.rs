//! Asking the issuer: one request, one connection, within hard limits. Only hosts of the issuer are asked, by https.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Fault;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A client.
#[derive(Clone)]
pub(super) struct Client {
    tls: TlsConnector,
    time_max: Duration,
}

impl Client {
    /// One that believes the authorities of a file, or those that browsers trust.
    pub(super) fn new(roots: Option<&Path>, time_max: Duration) -> Result<Client, Fault> {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = roots {
            let fault = |what: String| Fault(format!("`roots` {}: {what}", path.display()));
            store = RootCertStore::empty();
            for root in CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))? {
                let root = root.map_err(|error| fault(error.to_string()))?;
                store.add(root).map_err(|error| fault(error.to_string()))?;
            }
            if store.is_empty() {
                return Err(fault("there is no certificate in it".into()));
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has ciphers for TLS 1.2 and 1.3")
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Client { tls: TlsConnector::from(Arc::new(config)), time_max })
    }

    async fn ask(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, io::Error> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or_else(|| io::Error::other(format!("`{uri}` names no host")))?;
        if uri.scheme_str() != Some("https") {
            return Err(io::Error::other(format!("`{uri}` is not asked: it doesn't begin with https://")));
        }
        let named = |error: io::Error| io::Error::other(format!("{host}: {error}"));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((bare, uri.port_u16().unwrap_or(443))).await.map_err(named)?;
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        let stream = self.tls.connect(name, socket).await.map_err(named)?;
        let (mut send, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let value = HeaderValue::try_from(authority).map_err(io::Error::other)?;
        request.headers_mut().insert(header::HOST, value);
        *request.uri_mut() =
            Uri::from(uri.path_and_query().cloned().unwrap_or_else(|| "/".parse().expect("a path")));
        let answer = async {
            let (head, body) = send.send_request(request).await.map_err(io::Error::other)?.into_parts();
            let body =
                Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
            Ok::<_, io::Error>(BytesResponse { parts: head, body: Box::new(body) })
        };
        tokio::pin!(answer, connection);
        tokio::select! {
            biased;
            answer = answer.as_mut() => answer,
            // the connection may end with the answer's last byte
            ended = connection.as_mut() => {
                ended.map_err(|error| io::Error::other(format!("{host}: {error}")))?;
                answer.await
            }
        }
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let asked = tokio::time::timeout(client.time_max, client.ask(request)).await;
            let late = || io::Error::other(format!("no answer within {} s", client.time_max.as_secs()));
            asked.unwrap_or_else(|_| Err(late())).map_err(|error| Error::Other(Box::new(error)))
        })
    }
}
