"""The root of the tree: made once, kept, and never mistaken for another (common/daemon)."""

import json

import pytest

from harness.cluster import ROOT, program
from harness.tasks import task_document
from harness.tree import Tree, TreeError
from harness.waiting import wait_until


def root_of(cluster) -> dict:
    """What the root says."""
    return json.loads(cluster.tree.get(ROOT))


def deleted(cluster) -> None:
    """Delete the root, while daemons make nodes anew below it."""
    def gone():
        try:
            cluster.tree.delete(ROOT)
            return True
        except TreeError:
            return False
    wait_until(gone, 20, "the root is deleted", 0.0)


@pytest.mark.sanitize
def test_daemons_that_start_at_once_agree(cluster):
    """The chroot does not exist; six processes make it, and one cluster comes of it."""
    daemons = ([cluster.core(start=False) for _ in range(2)]
               + [cluster.server(start=False) for _ in range(2)]
               + [cluster.monitor(start=False) for _ in range(2)])
    for each in daemons:
        each.start(wait=False)
    for each in daemons:
        each.wait_ready()
    made = root_of(cluster)
    assert made["format"] == 1 and len(made["cluster"]) == 16
    for each in daemons:
        each.wait_for_log(f"in cluster {made['cluster']}")
    for folder, kind in (("machines", "core"), ("servers", "server"), ("monitors", "monitor")):
        nodes = wait_until(lambda folder=folder: len(found := cluster.tree.children(
            f"{ROOT}/{folder}")) == 2 and found, 10, f"two in {folder}")
        for node in nodes:
            document = cluster.tree.json(f"{ROOT}/{folder}/{node}")
            assert document["program"] == f"mr-{kind}"
            assert node.startswith(document["hostname"] + "-")
            assert document["format_min"] <= made["format"] <= document["format_max"]
            assert document["rss_bytes"] > 0 and document["cpus"] >= 1
    # A clean end takes the announcement along at once.
    assert daemons[0].end() == 0
    assert len(cluster.tree.children(f"{ROOT}/machines")) == 1


@pytest.mark.sanitize
def test_a_root_that_is_deleted_is_made_again(cluster):
    """By hand, under living daemons: the cluster keeps its id, the processes their nodes."""
    core, server = cluster.core(), cluster.server()
    before = root_of(cluster)
    deleted(cluster)
    wait_until(lambda: cluster.tree.get(ROOT), 20, "the root is back")
    assert root_of(cluster) == before
    for folder in ("machines", "servers"):
        wait_until(lambda folder=folder: len(cluster.tree.children(f"{ROOT}/{folder}") or []) == 1,
                   20, f"it is announced under {folder} again")
    assert core.alive and server.alive
    for daemon in (core, server):
        assert daemon.get("/readyz").status == 200


@pytest.mark.parametrize("data, says", [
    ('{"cluster":"other","format":99}', "format 99"),
    ('{"cluster":', "line 1"),
], ids=["newer", "broken"])
def test_a_root_that_cannot_be_read(cluster, data, says):
    """The process ends with the reason: it neither overwrites the root nor goes on."""
    core = cluster.core()
    core.end()
    cluster.tree.set(ROOT, data)
    core.start(wait=False)
    assert core.wait() != 0
    assert says in core.log
    assert cluster.tree.get(ROOT).decode() == data


def test_a_root_of_another_cluster_ends_the_process(cluster):
    """Restored from another installation's backup, under a living process."""
    core = cluster.core()
    cluster.tree.set(ROOT, '{"cluster":"other","format":1}')
    assert core.wait() != 0
    assert "is now that of cluster other" in core.log
    core.start()
    core.wait_for_log("in cluster other")


def test_a_wrong_identity_waits_and_says_so(zookeeper, new_cluster):
    """Another password than the tree's: no access, an error that names it, no end."""
    cluster = new_cluster(zookeeper, auth=True)
    cluster.core()
    cluster.write_private(cluster.secrets_dir / "other", "replicator:wrong-canary\n")
    other = cluster.core(start=False, zookeeper={"auth": "file:other"})
    other.start(wait=False)
    other.wait_for_log("zk_auth")
    assert other.alive
    assert other.get("/readyz").status == 503
    assert other.get("/healthz").status == 200
    assert "canary" not in other.log


def test_an_identity_for_each_daemon(zookeeper, new_cluster, pool, new_database, kafka, bus):
    """Three passwords: the installation works, and each sees what is its own."""
    cluster = new_cluster(zookeeper)
    source = pool.get("mariadb-10.11")
    database = new_database(source)
    identities, auth = {}, {}
    for role in ("core", "server", "monitor"):
        cluster.write_private(cluster.secrets_dir / f"zk-{role}", f"{role}:canary-{role}\n")
        done = cluster.run(program("mr-server"), "identity", stdin=f"{role}:canary-{role}\n").ok()
        identities[f"{role}_identity"] = done.stdout.split()[-1]
    for role in ("core", "server", "monitor"):
        auth[role] = {"auth": f"file:zk-{role}", **identities}
    cluster.server(zookeeper=auth["server"])
    cluster.core("c1", zookeeper=auth["core"])
    cluster.monitor(zookeeper=auth["monitor"])
    cluster.tree.auth = "server:canary-server"
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    task = cluster.create(task_document(source, include=f"{database}.t", pipe=kafka), start=True)
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    assert len(bus.collect(f"{task}.{database}.t", count=1)) == 1
    cluster.core("c2", zookeeper=auth["core"])
    cluster.wait_state(task, "STANDBY", on="c2")
    cluster.daemon("c1").kill()
    cluster.wait_state(task, "RUNNING", on="c2")
    document = cluster.api.get(f"/tasks/{task}").ok().json
    cluster.api.put(f"/tasks/{task}", document["document"], revision=document["revision"]).ok()
    cluster.wait_state(task, "RUNNING", on="c2")
    # The world sees nothing; core and monitor see no tokens, and write no control.
    token = cluster.tree.children(f"{ROOT}/tokens")[0]
    for who, may_read_task in (("", False), ("core:canary-core", True),
                               ("monitor:canary-monitor", True)):
        other = Tree(zookeeper.servers, cluster.chroot, who)
        with pytest.raises(TreeError):
            other.get(f"{ROOT}/tokens/{token}")
        with pytest.raises(TreeError):
            other.set(cluster.path(task, "control"), b"{}")
        if may_read_task:
            assert other.get(cluster.path(task))
        else:
            with pytest.raises(TreeError):
                other.get(cluster.path(task))
    cluster.api.delete(f"/tasks/{task}").ok()
    wait_until(lambda: cluster.api.get(f"/tasks/{task}").status == 404, 20, "it is gone")
    for each in cluster.daemons:
        assert "canary" not in each.log


def test_tls_to_zookeeper_is_refused_where_the_library_has_none(cluster):
    """Debian's library has no TLS: a clear sentence at start, no plaintext instead."""
    core = cluster.core(start=False, zookeeper={"tls_ca": "/ca", "tls_cert": "/c", "tls_key": "/k"})
    core.start(wait=False)
    assert core.wait() != 0
    assert "TLS" in core.log
