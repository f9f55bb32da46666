//! What the proxies are told, each in its own words.

use std::path::PathBuf;

/// What all settings are made of.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// The servers behind.
    pub(super) behind: [u16; 2],
    pub(super) plain: u16,
    pub(super) secure: u16,
}

impl Place {
    /// An nginx that plays both servers behind.
    pub(super) fn servers(&self) -> String {
        let [one, other] = self.behind;
        let rest = format!(
            "open_file_cache max=16;\nserver {{\nlisten 127.0.0.1:{one} backlog=4096;\nlisten 127.0.0.1:{other} backlog=4096;\n\
             root www;\n}}\n"
        );
        self.any_nginx("behind", &rest)
    }

    pub(super) fn nginx(&self) -> String {
        let ([one, other], Place { plain, secure, folder, .. }) = (self.behind, self);
        let folder = folder.display();
        let rest = format!(
            "upstream both {{\nleast_conn;\nserver 127.0.0.1:{one};\nserver 127.0.0.1:{other};\nkeepalive 256;\n\
             keepalive_requests 1000000000;\n}}\n\
             server {{\nlisten 127.0.0.1:{plain} backlog=4096;\nlisten 127.0.0.1:{secure} ssl http2 backlog=4096;\n\
             ssl_certificate {folder}/tls.pem;\nssl_certificate_key {folder}/tls.key;\n\
             location / {{\nproxy_pass http://both;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
             proxy_set_header Host $host;\nproxy_set_header X-Forwarded-For $remote_addr;\n}}\n}}\n"
        );
        self.any_nginx("nginx", &rest)
    }

    fn any_nginx(&self, name: &str, rest: &str) -> String {
        let folder = self.folder.display();
        let kept: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {folder}/{name}-{what};\n"))
            .concat();
        format!(
            "daemon off;\nmaster_process off;\npid {folder}/{name}.pid;\nerror_log stderr crit;\nworker_rlimit_nofile 65536;\n\
             events {{\nworker_connections 32768;\n}}\nhttp {{\naccess_log off;\ntcp_nodelay on;\nkeepalive_timeout 3600;\n\
             keepalive_requests 1000000000;\n{kept}{rest}}}\n"
        )
        .replace("root www", &format!("root {folder}/www"))
    }

    pub(super) fn haproxy(&self) -> String {
        let ([one, other], Place { plain, secure, folder, .. }) = (self.behind, self);
        let both = folder.join("tls.both");
        format!(
            "global\nnbthread 1\ndefaults\nmode http\ntimeout connect 1s\ntimeout client 1h\ntimeout server 30s\n\
             timeout http-keep-alive 1h\noption forwardfor\noption http-keep-alive\nretries 3\noption redispatch\n\
             frontend all\nbind 127.0.0.1:{plain} backlog 4096\nbind 127.0.0.1:{secure} ssl crt {} alpn h2,http/1.1\n\
             default_backend both\nbackend both\nbalance leastconn\nhttp-reuse always\nserver one 127.0.0.1:{one}\n\
             server other 127.0.0.1:{other}\n",
            both.display()
        )
    }

    pub(super) fn lighttpd(&self) -> String {
        let ([one, other], folder) = (self.behind, self.folder.display());
        format!(
            "server.modules = (\"mod_proxy\")\nserver.document-root = \"{folder}/www\"\nserver.bind = \"127.0.0.1\"\n\
             server.port = {}\nserver.max-keep-alive-requests = 1000000000\nserver.max-keep-alive-idle = 3600\n\
             server.max-fds = 16384\nserver.listen-backlog = 4096\nproxy.balance = \"least-connection\"\n\
             proxy.server = ( \"\" => ( ( \"host\" => \"127.0.0.1\", \"port\" => {one} ), ( \"host\" => \"127.0.0.1\", \"port\" => {other} ) ) )\n",
            self.plain
        )
    }

    pub(super) fn perlbal(&self) -> String {
        let [one, other] = self.behind;
        format!(
            "CREATE POOL both\nPOOL both ADD 127.0.0.1:{one}\nPOOL both ADD 127.0.0.1:{other}\nCREATE SERVICE all\n\
             SET role = reverse_proxy\nSET pool = both\nSET listen = 127.0.0.1:{}\nSET persist_client = on\n\
             SET persist_backend = on\nSET backend_persist_cache = 64\nSET connect_ahead = 2\nENABLE all\n",
            self.plain
        )
    }

    pub(super) fn ours(&self, port: u16, is_secure: bool) -> String {
        let ([one, other], folder) = (self.behind, self.folder.display());
        let tls = format!(
            "[tls]\ncertificate = \"{folder}/tls.pem\"\nkey = \"{folder}/tls.key\"\nplain_listen = \"off\"\n"
        );
        let name = if is_secure { "tls" } else { "plain" };
        format!(
            "service = \"localhost\"\nlisten = \"127.0.0.1:{port}\"\ndir = \"{folder}/data-{name}-{port}\"\n{}\
             [web]\nconnections_max = 32768\nidle_time_max = \"1 h\"\n[balancer]\nbackends = [\"127.0.0.1:{one}\", \"127.0.0.1:{other}\"]\n\
             connections_per_address_max = 32768\n",
            if is_secure { tls.as_str() } else { "" }
        )
    }
}
