import { describe, expect, it } from "vitest";
import { addressRefusal, hostPort, hostRefusal, parseAllowHosts, urlRefusal } from "../../../src/storage/host.js";
import { expectCode } from "./expect-code.js";

const NONE = new Set<string>();

// First and last address of every block, and the neighbours outside.
const REFUSED_ADDRESSES: readonly string[] = [
  ...["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "100.100.100.200"],
  ...["127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254"],
  ...["169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.0"],
  ...["192.0.2.255", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.7"],
  ...["203.0.113.7", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"],
  ...["::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"],
  ...["64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8"],
  ...["fd00:ff9b::8.8.8.8", "64:1::8.8.8.8", "2600::2::3", "2600::1.2.3.4:5"],
  ...["100::1", "1fff::1", "2001::1", "2001:0:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1"],
  ...["2001:db8::1", "2001:db8:ffff::1", "2002::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1"],
  ...["4000::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1"],
  ...["fec0::1", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "FE80::1", "FD00::1"],
  ...["", "x", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", "2600::g"],
  ...["1:2:3:4:5:6:7::8:9", "2600:1:2:3:4:5:6::7:8", "2600:12345::1", "2600:1.2.3.4::1"],
];

const GLOBAL_ADDRESSES: readonly string[] = [
  ...["1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
  ...["128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"],
  ...["191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"],
  ...["203.0.112.255", "203.0.114.0", "223.255.255.255"],
  ...[
    "2000::1",
    "2001:200::1",
    "2001:db7::1",
    "2001:db9::1",
    "2600:db8::1",
    "2003::1",
    "2600::",
    "2606:4700:4700::1111",
    "3ffe::1",
  ],
  ...["3fff:1000::1", "2600:1:2:3:4:5:6:7", "2600::1.2.3.4", "64:ff9b::8.8.8.8", "64:ff9b::808:808"],
];

describe("addressRefusal", () => {
  it.each(REFUSED_ADDRESSES)("U1: refuses the address %j", (address) => {
    expect(addressRefusal(address)).not.toBeNull();
  });
  it.each(GLOBAL_ADDRESSES)("U1: lets the address %s pass", (address) => {
    expect(addressRefusal(address)).toBeNull();
  });
  it("U1: a refusal says why", () => {
    expect(addressRefusal("127.0.0.1")).toBe("a loopback address");
    expect(addressRefusal("169.254.169.254")).toBe("a link-local address");
    expect(addressRefusal("::ffff:127.0.0.1")).toBe("not a global IPv6 address");
  });
});

describe("urlRefusal", () => {
  it.each([
    ...[
      "https://localhost/",
      "https://LOCALHOST./",
      "https://a.localhost/",
      "https://printer.local/",
      "https://x.local./",
    ],
    ...["https://metadata.google.internal/", "https://x.home.arpa/", "https://router/", "https://x.localdomain/"],
    ...["https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/"],
    ...[
      "https://0x7f.1/",
      "https://017700000001/",
      "https://0177.0.0.01/",
      "https://127.0.0.1./",
      "https://①②⑦.0.0.1/",
    ],
    ...["https://１２７.0.0.1/", "https://127。0。0。1/", "https://%31%32%37.0.0.1/", "https://0/", "https://0.0.0.0/"],
    ...[
      "https://[::1]/",
      "https://[::]/",
      "https://[::ffff:127.0.0.1]/",
      "https://[::ffff:7f00:1]/",
      "https://[0:0::1]/",
    ],
    ...["https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://[64:ff9b::127.0.0.1]/", "https://[2002:7f00:1::1]/"],
    ...["https://169.254.169.254/latest/meta-data/", "https://10.1.2.3:8443/", "https://192.168.1.1/"],
    ...["https://user@a.example/", "https://:password@a.example/", "http://a.example/", "http://8.8.8.8/"],
    ...["ftp://a.example/", "file:///etc/passwd", "data:text/plain,x", "javascript:0", "blob:https://a.example/x"],
  ])("U1: refuses the place %s", (url) => {
    expect(urlRefusal(new URL(url), NONE)).not.toBeNull();
  });

  it.each([
    ...["https://a.example/", "https://a.example:8443/x?y", "https://8.8.8.8/", "https://[2606:4700:4700::1111]/"],
    ...["https://mylocalhost.example/", "https://local.example/", "https://internal.example/", "https://134744072/"],
  ])("U1: lets the place %s pass", (url) => {
    expect(urlRefusal(new URL(url), NONE)).toBeNull();
  });

  it("U1: opens exactly the host and port that the caller allows", () => {
    const allowed = parseAllowHosts(["127.0.0.1:8080", "localhost:443", "[::1]:80", "data.example:80", "127.1:9"]);
    for (const url of [
      "http://127.0.0.1:8080/x",
      "https://127.0.0.1:8080/x",
      "http://2130706433:8080/",
      "https://localhost/",
      "https://LOCALHOST:443/",
      "http://localhost:443/",
      "http://[::1]/",
      "http://[0:0:0:0:0:0:0:1]:80/",
      "http://data.example/",
      "http://127.0.0.1:9/",
    ]) {
      expect(urlRefusal(new URL(url), allowed), url).toBeNull();
    }
    for (const url of [
      "http://127.0.0.1:8081/",
      "http://127.0.0.1/",
      "http://localhost/",
      "https://localhost:444/",
      "http://localhost.:443/",
      "https://[::1]/",
      "http://data.example:8080/",
      "http://sub.data.example/",
      "http://user@127.0.0.1:8080/",
      "ftp://127.0.0.1:8080/",
    ]) {
      expect(urlRefusal(new URL(url), allowed), url).not.toBeNull();
    }
  });

  it("U1: judges hosts without a port or scheme too", () => {
    expect(hostRefusal("a.example")).toBeNull();
    expect(hostRefusal("a.example.")).toBeNull();
    expect(hostRefusal("[::1]")).not.toBeNull();
  });
});

describe("parseAllowHosts", () => {
  it("U1: allowHosts writes entries as URLs write hosts", () => {
    expect([...parseAllowHosts(["A.Example:443", "[0::1]:80", "0x7f.1:8080", "b:1", "b:65535"])]).toEqual([
      "a.example:443",
      "[::1]:80",
      "127.0.0.1:8080",
      "b:1",
      "b:65535",
    ]);
    expect(hostPort(new URL("https://a.example/"))).toBe("a.example:443");
    expect(hostPort(new URL("http://a.example/"))).toBe("a.example:80");
    expect(hostPort(new URL("https://a.example:80/"))).toBe("a.example:80");
  });

  it.each([
    ...["", "a.example", "a.example:", ":80", "a.example:0", "a.example:65536", "a.example:x", "https://a.example:443"],
    ...["a.example:443/", "user@a.example:443", "a b:1", "::1:80", "*:80", "a.example:443#", "a.example:443:443"],
  ])("U1: allowHosts refuses %j", async (entry) => {
    await expectCode("INPUT_INVALID", () => parseAllowHosts([entry]));
  });
});
