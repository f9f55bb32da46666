"""Somebody on the hosts' network who has not their secret: what of etcd and of the databases opens to them. Nothing does."""
import os, subprocess

import psycopg2

from adapters.base import IP
import ondol

ETCDCTL = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}


def what_opens(adapter):
    """What opened though it should not, and what did not though it should; each in a few words."""
    own = make_papers(adapter.dir)
    wrong = []
    for host in adapter.hosts:
        peers, clients = f"{IP[host]}:2380", f"{IP[host]}:2379"
        etcdctl = ["etcdctl", "--command-timeout=2s", "--dial-timeout=2s"]
        for what, words in {
            "etcd without encryption": [*etcdctl, "--endpoints", f"http://{clients}", "get", "", "--prefix"],
            "etcd without papers": [*etcdctl, "--insecure-skip-tls-verify", "--endpoints", f"https://{clients}", "get", "", "--prefix"],
            "a write to etcd without papers": [*etcdctl, "--insecure-skip-tls-verify", "--endpoints", f"https://{clients}", "put", "a", "b"],
            "etcd with papers of one's own": [*etcdctl, "--insecure-skip-tls-verify", "--cert", own[0], "--key", own[1],
                                              "--endpoints", f"https://{clients}", "get", "", "--prefix"],
            "etcd's gateway without papers": ["curl", "-sSfk", "-m2", f"https://{clients}/v3/maintenance/status", "-d", "{}"],
            "etcd's peers without papers": ["curl", "-sSfk", "-m2", f"https://{peers}/members"],
            "etcd's peers with papers of one's own": ["curl", "-sSfk", "-m2", "--cert", own[0], "--key", own[1], f"https://{peers}/members"],
        }.items():
            if run(adapter, words).returncode == 0:
                wrong.append(f"{host}: {what} opens")
        insider = [*etcdctl, *adapter.papers(), "--endpoints", f"https://{clients}", "get", "a"]
        told = run(adapter, insider)
        if told.returncode:
            wrong.append(f"{host}: etcd does not open to a host: {told.stderr}")
    return wrong + adapter.what_opens(own)


def what_databases_open(adapter, own):
    """The same of PostgreSQL's."""
    keys, wrong = f"{adapter.dir}/w/keys", []
    primary = adapter.primary()
    for node in adapter.nodes:
        for what, changed in {
            "the database without encryption": dict(sslmode="disable"),
            "the database with another password": dict(password="cold floor"),
            "the log of the database without papers": dict(user="ondol_replicator", dbname="postgres", replication="true"),
            "the log of the database with papers of one's own": dict(
                user="ondol_replicator", dbname="postgres", replication="true", sslcert=own[0], sslkey=own[1]),
            "a replica's own door without papers": dict(user="ondol_replicator", dbname="postgres"),
        }.items():
            if opens(node, changed) is None:
                wrong.append(f"{node}: {what} opens")
    verified = dict(sslmode="verify-full", sslrootcert=f"{keys}/authority.pem", channel_binding="require")
    why = opens(primary, verified)
    if why:
        wrong.append(f"{primary}: the database does not open to who has the password, and checks whom they speak with: {why}")
    return wrong


def opens(node, changed):
    """Nothing when it does; else why not."""
    try:
        psycopg2.connect(**{**ondol.where(node), **changed}).close()
    except psycopg2.Error as error:
        return str(error)


def make_papers(folder):
    certificate, key = f"{folder}/own.pem", f"{folder}/own.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9",
                    "-subj", "/CN=Ondol hosts", "-out", certificate, "-keyout", key], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


def run(adapter, words):
    return subprocess.run(["ip", "netns", "exec", f"ha{adapter.lab}-c", *words], capture_output=True, text=True, env=ETCDCTL, timeout=30)
