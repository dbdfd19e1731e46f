"""What the filter of templates/nwfilter.xml lets through, frame by frame, and whom libvirt's dnsmasq serves on a network of
templates/network.xml. No guest is needed: one end of a veth pair is the guest's, the other is a port of the bridge, bound to the filter as
libvirt binds a guest's."""
import contextlib
import pathlib
import socket
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from machine import virsh

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "templates"
NAME, BRIDGE, PORT, GUEST = "computed-frames", "cptframes0", "cptframesp", "cptframesg"
MAC, IP, OTHER_MAC, OTHER_IP, GATEWAY = "02:3f:0c:4a:50:05", "198.18.80.5", "02:3f:0c:4a:50:06", "198.18.80.6", "198.18.80.1"
ALL_MACS, ALL_IPS, ANY = "ff:ff:ff:ff:ff:ff", "255.255.255.255", "0.0.0.0"
ARRIVAL_S = 10
DISCOVER, REQUEST = 1, 3  # of DHCP
HOSTNAME, REQUESTED, KIND, SERVER, WANTED = 12, 50, 53, 54, 55  # its options


# ---- frames ----
def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(payload, kind=0x0800, source=MAC, to=ALL_MACS):
    return mac(to) + mac(source) + struct.pack("!H", kind) + payload


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(source, to, ports, payload=b""):
    datagram = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + datagram


def arp(operation, sender_mac, sender_ip, target_ip):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac(sender_mac), socket.inet_aton(sender_ip), bytes(6),
                       socket.inet_aton(target_ip))


def dhcp(hardware, kind, options=()):
    head = struct.pack("!BBBBIHH16x6s10x192x", 1, 1, 6, 0, 0x1234, 0, 0x8000, mac(hardware))
    options = [(KIND, bytes([kind])), (WANTED, bytes([HOSTNAME])), *options]
    return head + bytes.fromhex("63825363") + b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"


SENT = {
    "IPv4 of its own": (True, ether(udp(IP, GATEWAY, (4000, 9)))),
    "IPv4 of another address": (False, ether(udp(OTHER_IP, GATEWAY, (4000, 9)))),
    "IPv4 of another MAC": (False, ether(udp(IP, GATEWAY, (4000, 9)), source=OTHER_MAC)),
    "IPv4 of no address": (False, ether(udp(ANY, GATEWAY, (4000, 9)))),
    "ARP request of its own": (True, ether(arp(1, MAC, IP, GATEWAY), 0x0806)),
    "ARP answer of its own": (True, ether(arp(2, MAC, IP, GATEWAY), 0x0806)),
    "ARP probe": (True, ether(arp(1, MAC, ANY, IP), 0x0806)),
    "ARP answer of no address": (False, ether(arp(2, MAC, ANY, IP), 0x0806)),
    "ARP answer for another address": (False, ether(arp(2, MAC, OTHER_IP, GATEWAY), 0x0806)),
    "ARP answer for another MAC": (False, ether(arp(2, OTHER_MAC, IP, GATEWAY), 0x0806)),
    "ARP for the gateway": (False, ether(arp(2, MAC, GATEWAY, OTHER_IP), 0x0806)),
    "ARP from another MAC": (False, ether(arp(1, MAC, IP, GATEWAY), 0x0806, source=OTHER_MAC)),
    "DHCP request without address": (True, ether(udp(ANY, ALL_IPS, (68, 67)))),
    "DHCP request with its address": (True, ether(udp(IP, GATEWAY, (68, 67)))),
    "DHCP answer": (False, ether(udp(IP, ALL_IPS, (67, 68)))),
    "DHCP answer from an odd port": (False, ether(udp(IP, ALL_IPS, (4000, 68)))),
    "DHCP answer without address": (False, ether(udp(ANY, ALL_IPS, (67, 68)))),
    "IPv6": (False, ether(bytes.fromhex("6000000000003aff") + bytes(32), 0x86DD)),
    "VLAN tag": (False, ether(struct.pack("!HH", 7, 0x0800) + udp(IP, GATEWAY, (4000, 9)), 0x8100)),
    "any other": (False, ether(bytes(46), 0x88B5)),
}
RECEIVED = {
    "IPv4": (True, ether(udp(OTHER_IP, IP, (4000, 9)), source=OTHER_MAC)),
    "ARP": (True, ether(arp(1, OTHER_MAC, OTHER_IP, IP), 0x0806, source=OTHER_MAC)),
    "IPv6": (False, ether(bytes.fromhex("6000000000003aff") + bytes(32), 0x86DD, source=OTHER_MAC)),
    "any other": (False, ether(bytes(46), 0x88B5, source=OTHER_MAC)),
}


# ---- the wire ----
def ip(*words):
    subprocess.run(["ip", *words], check=True)


def defined(kind, element):
    done = subprocess.run(["virsh", "-q", "-c", "qemu:///system", kind, "/dev/stdin"], input=ElementTree.tostring(element), capture_output=True)
    assert done.returncode == 0, done.stderr


def network():
    root = ElementTree.parse(TEMPLATES / "network.xml").getroot()
    ElementTree.SubElement(root, "name").text = NAME
    root.find("bridge").set("name", BRIDGE)
    root.find("domain").set("name", "frames.internal")
    address = ElementTree.SubElement(root, "ip", address=GATEWAY, prefix="24")
    host = ElementTree.SubElement(ElementTree.SubElement(address, "dhcp"), "host", mac=MAC, ip=IP)
    ElementTree.SubElement(host, "lease", expiry="600", unit="seconds")
    return root


def port_filter():
    root = ElementTree.parse(TEMPLATES / "nwfilter.xml").getroot()
    root.set("name", f"{NAME}-port")
    return root


def binding():
    root = ElementTree.Element("filterbinding")
    owner = ElementTree.SubElement(root, "owner")
    ElementTree.SubElement(owner, "name").text = "frames"
    ElementTree.SubElement(owner, "uuid").text = "d54df46f-1ab5-4a22-8618-4560ef5fac2c"
    ElementTree.SubElement(root, "portdev", name=PORT)
    ElementTree.SubElement(root, "mac", address=MAC)
    reference = ElementTree.SubElement(root, "filterref", filter=f"{NAME}-port")
    ElementTree.SubElement(reference, "parameter", name="IP", value=IP)
    return root


@pytest.fixture(scope="module")
def wire():
    with contextlib.ExitStack() as undo:
        defined("net-define", network())
        undo.callback(virsh, "net-undefine", NAME)
        virsh("net-start", NAME)
        undo.callback(virsh, "net-destroy", NAME)
        ip("link", "add", GUEST, "address", MAC, "type", "veth", "peer", "name", PORT)
        undo.callback(ip, "link", "del", GUEST)
        ip("link", "set", PORT, "master", BRIDGE, "up")
        ip("link", "set", GUEST, "up")
        defined("nwfilter-define", port_filter())
        undo.callback(virsh, "nwfilter-undefine", f"{NAME}-port")
        defined("nwfilter-binding-create", binding())
        undo.callback(virsh, "nwfilter-binding-delete", PORT)
        virsh("net-update", NAME, "add", "dns-host", f"<host ip='{IP}'><hostname>web</hostname></host>", "--live")
        yield


@contextlib.contextmanager
def tap(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((interface, 0))
        s.settimeout(ARRIVAL_S)
        yield s


def arrives(frame, marker, sender, receiver):
    """Whether the frame comes out before the marker that is sent behind it."""
    sender.send(frame)
    sender.send(marker)
    while True:
        data, (_, _, kind, *_) = receiver.recvfrom(2048)
        if kind == socket.PACKET_OUTGOING:
            continue
        if data[:len(marker)] == marker:
            return False
        if data[:len(frame)] == frame or (frame[12:14] == b"\x81\x00" and data[12:14] == frame[16:18] and frame[18:] in data):
            while receiver.recv(2048)[:len(marker)] != marker:
                pass
            return True


@pytest.mark.parametrize("what", SENT)
def test_what_a_guest_sends(wire, what):
    passes, frame = SENT[what]
    marker = ether(udp(IP, GATEWAY, (4001, 9), what.encode()))
    with tap(GUEST) as guest, tap(BRIDGE) as bridge:
        assert arrives(frame, marker, guest, bridge) == passes


@pytest.mark.parametrize("what", RECEIVED)
def test_what_a_guest_receives(wire, what):
    passes, frame = RECEIVED[what]
    marker = ether(udp(OTHER_IP, IP, (4001, 9), what.encode()), source=OTHER_MAC)
    with tap(GUEST) as guest, tap(BRIDGE) as bridge:
        assert arrives(frame, marker, bridge, guest) == passes


# ---- dnsmasq ----
def option(options, wanted):
    while options[0] != 255:
        code, size = options[0], options[1]
        if code == wanted:
            return options[2:2 + size]
        options = options[2 + size:]
    return None


def asks(guest, *dhcp_words):
    guest.send(ether(udp(ANY, ALL_IPS, (68, 67), dhcp(*dhcp_words))))  # under its own MAC on the wire: the filter lets no other out


def answer(guest):
    """The address, MAC and host name of the next DHCP answer."""
    while True:
        data, (_, _, kind, *_) = guest.recvfrom(2048)
        if kind != socket.PACKET_OUTGOING and data[12:14] == b"\x08\x00" and data[23] == 17 and data[36:38] == struct.pack("!H", 68):
            said = data[42:]
            return socket.inet_ntoa(said[16:20]), said[28:34].hex(":"), option(said[240:], HOSTNAME)


def test_only_known_macs_get_addresses(wire):
    with tap(GUEST) as guest:
        for hardware in (OTHER_MAC, MAC):
            asks(guest, hardware, DISCOVER)
        assert answer(guest)[:2] == (IP, MAC)


def test_a_guest_is_told_its_name(wire):
    """The DHCP entry has none: it comes from DNS."""
    with tap(GUEST) as guest:
        asks(guest, MAC, REQUEST, [(REQUESTED, socket.inet_aton(IP)), (SERVER, socket.inet_aton(GATEWAY))])
        assert answer(guest) == (IP, MAC, b"web")


def test_names_resolve_without_a_lease(wire):
    question = b"".join(bytes([len(label)]) + label for label in (b"web", b"frames", b"internal")) + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(ARRIVAL_S)
        s.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question, (GATEWAY, 53))
        answer = s.recv(512)
    assert answer[6:8] == b"\0\1" and answer[-4:] == socket.inet_aton(IP)
