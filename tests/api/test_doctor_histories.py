"""Healthy histories give the doctor no finding: random lives of a daemon, by a seed that is printed."""
import os
import random

from doctor_lab import look

HISTORIES = int(os.environ.get("DOCTOR_HISTORIES", "30"))
SEED = int(os.environ.get("DOCTOR_SEED", str(random.SystemRandom().randrange(1 << 32))))


class History:
    """A random life of a daemon: what it is told is right, so nothing may be found, in the middle or at the end."""

    def __init__(self, daemon, chance):
        self.daemon, self.chance, self.pending, self.count = daemon, chance, [], 0

    def name(self):
        self.count += 1
        return f"h{self.count}-{self.chance.randrange(1 << 30)}"

    def some(self, path, key):
        items = self.daemon.get(path).json[key]
        return self.chance.choice(items) if items else None

    def follow(self, answer):
        assert answer.status < 500, answer
        if answer.status == 202:
            self.pending.append(answer)

    def create(self):
        networks = self.chance.choice([{}, {"networks": []}, {"networks": ["net"]}])
        self.follow(self.daemon.post("/v1/vms", {"name": self.name(), "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1,
                                                 "start": self.chance.random() < 0.7, "autostart": self.chance.random() < 0.3, **networks}))

    def act(self):
        vm = self.some("/v1/vms", "vms")
        if vm:
            verb = self.chance.choice(["start", "stop", "reboot", "pause", "resume", "suspend"])
            body = {"force": True} if verb == "stop" else None
            self.follow(self.daemon.post(f"/v1/vms/{vm['id']}/{verb}", body))

    def change(self):
        vm = self.some("/v1/vms", "vms")
        if vm:
            self.follow(self.daemon.patch(f"/v1/vms/{vm['id']}", self.chance.choice([{"name": self.name()}, {"autostart": self.chance.random() < 0.5}])))

    def delete(self):
        vm = self.some("/v1/vms", "vms")
        if vm:
            self.follow(self.daemon.delete(f"/v1/vms/{vm['id']}"))

    def network(self):
        networks = [n for n in self.daemon.get("/v1/networks").json["networks"] if n["name"] != "net"]
        if networks and self.chance.random() < 0.5:
            self.follow(self.daemon.delete(f"/v1/networks/{self.chance.choice(networks)['id']}"))
        else:
            self.follow(self.daemon.post("/v1/networks", {"name": self.name()}))

    def keypair(self):
        key = self.some("/v1/keypairs", "keypairs")
        if key and self.chance.random() < 0.5:
            self.follow(self.daemon.delete(f"/v1/keypairs/{key['id']}"))
        else:
            self.follow(self.daemon.post("/v1/keypairs", {"name": self.name()}))

    def image(self):
        images = [i for i in self.daemon.get("/v1/images").json["images"] if i["name"] != "tiny"]
        if images and self.chance.random() < 0.5:
            self.follow(self.daemon.delete(f"/v1/images/{self.chance.choice(images)['id']}"))
        else:
            self.daemon.add_image(self.name())

    def behind_its_back(self):
        """The fake tells nobody of it, as libvirt would: somebody has to look."""
        self.rest()
        vm = self.some("/v1/vms?status=running", "vms")
        if vm:
            self.daemon.edit_domain(vm["id"], state="stopped")
            self.daemon.get("/v1/vms")

    def rest(self):
        while self.pending:
            self.daemon.wait(self.pending.pop(0))

    def live(self, steps):
        acts = [self.create] * 4 + [self.act] * 4 + [self.delete] * 2 + [self.change, self.network, self.keypair, self.image, self.behind_its_back, self.rest]
        for _ in range(steps):
            self.chance.choice(acts)()


def test_healthy_histories_give_no_finding(own):
    own.done(own.post("/v1/networks", {"name": "net"}))
    for number in range(HISTORIES):
        history = History(own, random.Random(f"{SEED}/{number}"))
        where = f"DOCTOR_SEED={SEED}, history {number}"
        history.live(12)
        report = own.get("/v1/doctor").json
        assert (report["findings"], report["unseen"]) == ([], []), where
        if number % 2:
            history.rest()
        own.stop()
        _, report = look(own)
        assert (report["findings"], report["unseen"]) == ([], []), where
        own.start()
        if number % 10 == 9:  # so that many histories take no longer each than few
            for vm in own.get("/v1/vms", limit=1000).json["vms"]:
                history.follow(own.delete(f"/v1/vms/{vm['id']}"))
            history.rest()
