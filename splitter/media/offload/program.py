"""The program that forwards voice in the kernel, run for each packet that arrives at an interface. Pure.

It takes a packet only if all of this holds, and else leaves it to whoever is next, in the end the worker's socket:
addressed to this machine, no VLAN tag (the VLAN has an interface of its own), one packet and no aggregate of several,
IPv4 without options and fragments or IPv6 without extension headers, UDP, RTP of version 2 and not RTCP (RFC 5761 §4),
from and to exactly the addresses and ports of a flow, and not larger than what may leave.

Registers: r6 packet, r7 flow, r8 its bytes, r9 EtherType. Stack: the key at r10 - 40; the head of IP at r10 - 60.
Of eight bytes on the stack the first are written last: Linux 6.1 takes what is written there for a register that was
put aside, and lets only those with CAP_PERFMON change a part of it afterwards.
"""

from __future__ import annotations

from splitter.media.offload.assembler import Assembler
from splitter.media.offload.layout import NAMES

SOURCE = """
    r6 = r1
    r2 = *(u32 *)(r6 + skb.pkt_type)        ; 0: PACKET_HOST
    if r2 != 0 goto leave
    r2 = *(u32 *)(r6 + skb.vlan_present)
    if r2 != 0 goto leave
    r2 = *(u32 *)(r6 + skb.gso_size)
    if r2 != 0 goto leave
    r9 = *(u32 *)(r6 + skb.protocol)
    if r9 == IPV4 goto ipv4
    if r9 == IPV6 goto ipv6

leave:
    r0 = -1                                 ; TCX_NEXT, TC_ACT_UNSPEC: as if we were not here
    exit

ipv4:                                       ; 14 Ethernet, 20 IP, 8 UDP, 12 RTP
    r8 = *(u32 *)(r6 + skb.data)
    r2 = *(u32 *)(r6 + skb.data_end)
    r3 = r8
    r3 += 54
    if r3 <= r2 goto ipv4_whole
    r2 = *(u32 *)(r6 + skb.len)             ; too short, or not all in one piece
    if r2 < 54 goto leave
    r1 = r6
    r2 = 54
    call skb_pull_data
    if r0 != 0 goto leave
    r8 = *(u32 *)(r6 + skb.data)
    r2 = *(u32 *)(r6 + skb.data_end)
    r3 = r8
    r3 += 54
    if r3 > r2 goto leave
ipv4_whole:
    r2 = *(u8 *)(r8 + 14)                   ; version 4, five words
    if r2 != 0x45 goto leave
    r2 = *(u8 *)(r8 + 23)
    if r2 != 17 goto leave
    r2 = *(u16 *)(r8 + 20)
    r2 &= FRAGMENT
    if r2 != 0 goto leave
    r2 = *(u16 *)(r8 + 38)                  ; of UDP, with its header
    r2 = be16 r2
    if r2 < 20 goto leave
    r3 = *(u32 *)(r6 + skb.len)
    r3 -= 34
    if r2 > r3 goto leave
    r2 = *(u8 *)(r8 + 42)
    r3 = *(u8 *)(r8 + 43)
    r4 = 0
    *(u64 *)(r10 - 32) = r4
    *(u64 *)(r10 - 24) = r4
    *(u64 *)(r10 - 16) = r4
    *(u64 *)(r10 - 8) = r4
    r4 = *(u32 *)(r8 + 30)
    *(u32 *)(r10 - 32) = r4
    r4 = *(u32 *)(r8 + 26)
    *(u32 *)(r10 - 16) = r4
    r4 = *(u32 *)(r8 + 34)
    goto look_up

ipv6:                                       ; 14 Ethernet, 40 IP, 8 UDP, 12 RTP
    r8 = *(u32 *)(r6 + skb.data)
    r2 = *(u32 *)(r6 + skb.data_end)
    r3 = r8
    r3 += 74
    if r3 <= r2 goto ipv6_whole
    r2 = *(u32 *)(r6 + skb.len)
    if r2 < 74 goto leave
    r1 = r6
    r2 = 74
    call skb_pull_data
    if r0 != 0 goto leave
    r8 = *(u32 *)(r6 + skb.data)
    r2 = *(u32 *)(r6 + skb.data_end)
    r3 = r8
    r3 += 74
    if r3 > r2 goto leave
ipv6_whole:
    r2 = *(u8 *)(r8 + 20)
    if r2 != 17 goto leave
    r2 = *(u16 *)(r8 + 58)
    r2 = be16 r2
    if r2 < 20 goto leave
    r3 = *(u32 *)(r6 + skb.len)
    r3 -= 54
    if r2 > r3 goto leave
    r2 = *(u8 *)(r8 + 62)
    r3 = *(u8 *)(r8 + 63)
    r4 = *(u32 *)(r8 + 42)
    *(u32 *)(r10 - 28) = r4
    r4 = *(u32 *)(r8 + 38)
    *(u32 *)(r10 - 32) = r4
    r4 = *(u32 *)(r8 + 50)
    *(u32 *)(r10 - 20) = r4
    r4 = *(u32 *)(r8 + 46)
    *(u32 *)(r10 - 24) = r4
    r4 = *(u32 *)(r8 + 26)
    *(u32 *)(r10 - 12) = r4
    r4 = *(u32 *)(r8 + 22)
    *(u32 *)(r10 - 16) = r4
    r4 = *(u32 *)(r8 + 34)
    *(u32 *)(r10 - 4) = r4
    r4 = *(u32 *)(r8 + 30)
    *(u32 *)(r10 - 8) = r4
    r4 = *(u32 *)(r8 + 54)

look_up:                                    ; r2, r3: the first bytes of RTP; r4: both ports
    r2 &= 0xC0
    if r2 != 0x80 goto leave
    if r3 < 192 goto rtp
    if r3 <= 223 goto leave
rtp:
    *(u32 *)(r10 - 36) = r4
    *(u32 *)(r10 - 40) = r9
    r1 = flows ll
    r2 = r10
    r2 += -40
    call map_lookup_elem
    if r0 == 0 goto leave
    r7 = r0
    r2 = *(u32 *)(r6 + skb.len)
    r3 = *(u32 *)(r7 + flow.largest)
    if r2 > r3 goto leave

    call ktime_get_ns
    *(u64 *)(r7 + flow.last) = r0
    r1 = 1
    lock *(u64 *)(r7 + flow.packets) += r1
    r1 = *(u64 *)(r7 + flow.packets)
    r2 = r1
    r2 &= sampled.mask                      ; one header in SAMPLE
    if r2 != 0 goto send
    r2 = r1
    r2 >>= sampled.shift
    r2 &= places.mask                       ; into one of SAMPLES places
    r2 *= sampled.size
    r3 = r7
    r3 += r2
    *(u64 *)(r3 + flow.samples) = r0
    *(u32 *)(r3 + flow.samples + sampled.packets) = r1
    r4 = r8
    if r9 == IPV4 goto sample
    r2 = *(u32 *)(r6 + skb.data_end)        ; known already, but not to Linux 6.1 if a branch was guessed wrong
    r5 = r8
    r5 += 74
    if r5 > r2 goto leave
    r4 += 20
sample:
    r2 = *(u32 *)(r4 + 42)
    *(u32 *)(r3 + flow.samples + sampled.header) = r2
    r2 = *(u32 *)(r4 + 46)
    *(u32 *)(r3 + flow.samples + sampled.header + 4) = r2
    r2 = *(u32 *)(r4 + 50)
    *(u32 *)(r3 + flow.samples + sampled.header + 8) = r2

send:
    r2 = 4                                  ; TC_PRIO_INTERACTIVE_BULK, which a socket with this TOS has
    *(u32 *)(r6 + skb.priority) = r2
    if r9 == IPV6 goto send_ipv6

    r1 = *(u16 *)(r8 + 38)
    r1 = be16 r1
    r1 -= 8
    lock *(u64 *)(r7 + flow.bytes) += r1
    r2 = *(u16 *)(r8 + 24)                  ; the checksum of IP: not (old) + not (old word) + new word ...
    r2 ^= 0xFFFF
    r3 = *(u16 *)(r8 + 14)
    *(u16 *)(r10 - 60) = r3
    r3 ^= 0xFFFF
    r2 += r3
    r3 = *(u8 *)(r7 + flow.tos)
    *(u8 *)(r10 - 59) = r3
    r3 = *(u16 *)(r10 - 60)
    r2 += r3
    r3 = *(u16 *)(r8 + 16)
    *(u16 *)(r10 - 58) = r3
    r3 = *(u16 *)(r8 + 22)
    *(u16 *)(r10 - 52) = r3
    r3 ^= 0xFFFF
    r2 += r3
    r3 = *(u8 *)(r7 + flow.hops)
    *(u8 *)(r10 - 52) = r3
    r3 = *(u16 *)(r10 - 52)
    r2 += r3
    r3 = *(u32 *)(r7 + flow.header_diff)
    r2 += r3
    r3 = r2
    r3 >>= 16
    r2 &= 0xFFFF
    r2 += r3
    r3 = r2
    r3 >>= 16
    r2 += r3
    r2 ^= 0xFFFF
    *(u16 *)(r10 - 50) = r2
    r3 = *(u32 *)(r8 + 18)
    *(u32 *)(r10 - 56) = r3
    r1 = r6
    r2 = 14
    r3 = r10
    r3 += -60
    r4 = 12
    r5 = 0
    call skb_store_bytes
    if r0 != 0 goto leave
    r1 = r6
    r2 = 26
    r3 = r7
    r3 += flow.ends
    r4 = 12
    r5 = 0
    call skb_store_bytes
    r8 = 40                                 ; where the checksum of UDP is
    goto checksums

send_ipv6:
    r2 = *(u32 *)(r6 + skb.data_end)        ; as above
    r3 = r8
    r3 += 74
    if r3 > r2 goto leave
    r1 = *(u16 *)(r8 + 58)
    r1 = be16 r1
    r1 -= 8
    lock *(u64 *)(r7 + flow.bytes) += r1
    r2 = *(u32 *)(r8 + 14)
    *(u32 *)(r10 - 60) = r2
    r2 = *(u8 *)(r8 + 20)
    *(u8 *)(r10 - 54) = r2
    r2 = *(u8 *)(r7 + flow.class_first)
    *(u8 *)(r10 - 60) = r2
    r2 = *(u8 *)(r8 + 15)                   ; the flow label goes through
    r2 &= 0x0F
    r3 = *(u8 *)(r7 + flow.class_second)
    r2 |= r3
    *(u8 *)(r10 - 59) = r2
    r2 = *(u8 *)(r7 + flow.hops)
    *(u8 *)(r10 - 53) = r2
    r2 = *(u16 *)(r8 + 18)
    *(u16 *)(r10 - 56) = r2
    r1 = r6
    r2 = 14
    r3 = r10
    r3 += -60
    r4 = 8
    r5 = 0
    call skb_store_bytes
    if r0 != 0 goto leave
    r1 = r6
    r2 = 22
    r3 = r7
    r3 += flow.ends
    r4 = 36
    r5 = 0
    call skb_store_bytes
    r8 = 60

checksums:
    r1 = r6
    r2 = r8
    r3 = 0
    r4 = *(u32 *)(r7 + flow.addresses_diff)
    r5 = 0x30                               ; BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0
    call l4_csum_replace
    r1 = r6
    r2 = r8
    r3 = 0
    r4 = *(u32 *)(r7 + flow.ports_diff)
    r5 = 0x20
    call l4_csum_replace
    r1 = *(u32 *)(r7 + flow.interface)
    r2 = r7
    r2 += flow.next_hop
    r3 = 20                                 ; struct bpf_redir_neigh
    r4 = 0
    call redirect_neigh
    exit
"""


def assembled(flows: int) -> bytes:
    """The program in bytes; `flows`: the descriptor of its map."""
    return Assembler(NAMES, {"flows": flows}).assemble(SOURCE)
