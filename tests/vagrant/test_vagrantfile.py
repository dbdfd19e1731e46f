"""The Vagrantfile, read by Debian's vagrant. No box is fetched and no machine made."""
import json

import pytest

IN_FOLDER = ["env", "--chdir=/root/vagrant", "VAGRANT_CHECKPOINT_DISABLE=1"]
# What the configuration comes to for a provider, asked of vagrant itself; without the box, whose own Vagrantfile may add to it.
ASK = """
require "vagrant"
require "json"
environment = Vagrant::Environment.new(cwd: "/root/vagrant", home_path: "/root/.vagrant.d")
provider = ARGV.fetch(0).to_sym
found = environment.vagrantfile.machine_config(:default, provider, nil, nil, false)
config = found[:config].vm
settings = config.get_provider_config(provider)
puts JSON.generate(
  ports: config.networks.select { |type, options| type == :forwarded_port && options[:id] != "ssh" }.map { |_, options| options },
  folders: config.synced_folders,
  provisioners: config.provisioners.map { |p| [p.name, p.config.path, p.config.privileged, p.config.env] },
  settings: settings && %i[cpus memory nested cpu_mode customizations].to_h { |n| [n, settings.respond_to?(n) ? settings.public_send(n) : nil] },
)
"""


def validate(machine, *words, environment=()):
    return machine.run([*IN_FOLDER, *environment, "vagrant", "validate", *words], check=False, timeout_s=120)


def test_is_valid_for_any_provider(with_vagrant):
    done = validate(with_vagrant, "--ignore-provider")
    assert done.returncode == 0 and "validated successfully" in done.stdout, done


def asked(machine, provider, *environment):
    machine.path("/root/ask.rb").write_text(ASK)
    return json.loads(machine.output([*IN_FOLDER, *environment, "ruby", "/root/ask.rb", provider]))


def test_is_valid_for_libvirt(with_vagrant):
    done = validate(with_vagrant, environment=["VAGRANT_DEFAULT_PROVIDER=libvirt"])
    assert done.returncode == 0 and "validated successfully" in done.stdout, done


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_the_port_is_the_host_s_loopback_only(with_vagrant, provider):
    ports = [{name: port.get(name) for name in ("guest", "guest_ip", "host", "host_ip")} for port in asked(with_vagrant, provider)["ports"]]
    inside = "127.0.0.1" if provider == "libvirt" else None
    assert ports == [{"guest": 8081, "guest_ip": inside, "host": 8081, "host_ip": "127.0.0.1"}]


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_is_provisioned_once_as_the_box_s_user(with_vagrant, provider):
    relay = {"COMPUTED_RELAY": "10.0.2.15"} if provider == "virtualbox" else {}
    assert asked(with_vagrant, provider)["provisioners"] == [["computed", "provision.sh", False, relay]]


def test_guests_may_use_kvm(with_vagrant):
    libvirt = asked(with_vagrant, "libvirt")["settings"]
    assert (libvirt["nested"], libvirt["cpu_mode"]) == (True, "host-passthrough")
    assert ["pre-boot", ["modifyvm", "id", "--nested-hw-virt", "on"]] in asked(with_vagrant, "virtualbox")["settings"]["customizations"]


def test_sizes_come_from_the_environment(with_vagrant):
    sizes = ["COMPUTED_BOX_CPUS=3", "COMPUTED_BOX_MEMORY_MIB=6000", "COMPUTED_BOX_PORT=9000"]
    libvirt, virtualbox = asked(with_vagrant, "libvirt", *sizes), asked(with_vagrant, "virtualbox", *sizes)
    assert (libvirt["settings"]["cpus"], libvirt["settings"]["memory"]) == (3, 6000)
    given = [[str(word) for word in words] for _, words in virtualbox["settings"]["customizations"]]
    assert ["modifyvm", "id", "--cpus", "3"] in given and ["modifyvm", "id", "--memory", "6000"] in given
    assert libvirt["ports"][0]["host"] == virtualbox["ports"][0]["host"] == 9000


@pytest.mark.parametrize("folder", ["rsync", "virtiofs", "nfs", "virtualbox"])
def test_the_checkout_is_in_the_box(with_vagrant, folder):
    found = asked(with_vagrant, "libvirt", f"COMPUTED_BOX_FOLDER={folder}")["folders"]
    assert {place: (f["type"], f["hostpath"]) for place, f in found.items()} == {"/vagrant": (folder, "..")}


@pytest.mark.parametrize("setting, word", [("COMPUTED_BOX_CPUS=many", "many"), ("COMPUTED_BOX_FOLDER=floppy", "COMPUTED_BOX_FOLDER")])
def test_refuses_what_it_does_not_know(with_vagrant, setting, word):
    done = validate(with_vagrant, "--ignore-provider", environment=[setting])
    assert done.returncode != 0 and word in done.stdout + done.stderr, done
