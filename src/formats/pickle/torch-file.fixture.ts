/**
 * A checkpoint that PyTorch 1.13 wrote (torch.save of an OrderedDict with `_metadata`), deflated, in base64: all dtypes,
 * a scalar, an empty tensor, views of one storage (whole, transposed, tail, corner), an expanded tensor, a parameter, and
 * a nested dictionary with other values. Once with pickle protocol 2, once with 4.
 */
import { inflateSync } from "node:zlib";

const deflated = {
  2: [
    "eNqll1twE1UYxzdNmqYB2tqioqBW8dJqKU3SK7e2AcJlEdotaKxg2SbbJrDN5tuclCJWqtBS8IaICKiIN7wBirdRx3E6vOiLjs44zjjOOH3RRx99",
    "caSey5LuOYEWm53ZTbM9/9//+75z9nybNtnpkiSPR8o6SqRSSTUjsXi/tjiqIrU6uVMPBYukTu4YyotEDF3XIihuJFLeTWZUM7XoqngEeUGqVMBR",
    "EXZiWE/AD3kRZGBedVcaxfWUt8vUutNxPdqFtETKMLv6/V5wVlSEC/DwFB6p9mrgYhJvSDdU1MFueiE/7MBjasBN0ZFkGgpkNwJPuyzJebJzBApl",
    "p+wYAe/BGAlhFoLZCsxhcfjqoSiGbWKX0WtVvSdDLqZkH5TECmQngusI0TkMpbJjGMoYbS6C6xW4IYyrJnUT3I0cLkhD9dVnkPMo0g83YWQegptp",
    "kMMwnyAXMOQtCG5V4DYWYH0tlHPEVUa6W9cyvNspLwB3YJ4DwULCw6g7yeUuxrsbwT0KVITz8MB4I1RyuJUx1czA7qWwWriP5Vtl5buIwKoZbDGC",
    "GgV8FJZuBD+f7W40GVmAwuqglmVaZ2VaT2ANDNaIoEmBJTTTOK7dUo7WETPMyVleRnH1sJwlusJKtJlcWhiuFUFQgZUMh1fYKg63LjEJW01hDRBi",
    "sDUWbC25rGOw9QhkBTYwGJ6F+znYBiPRm6FtpLRG2MQybbMybSc0hdE6EGxWYAtbJoahwwN84fCtDO5BimuCMMM9ZOE6Ce5hhtuKYJsCj4Td5OGI",
    "qLpqQhcDxvLp1PhqYDvLTcXyykom60YQUSAazscjtL4k2g0ar/JBD1ZJCHqJqUQenhh7eOKMsAPBTgV0StgVM3QN+niCHxKYMBuBQReP7BqBpOwi",
    "BGAEE0FKART24tHIVBOppJHSopC+jIlZ+n6id5EIdskOghlg+t0IHlVgD60kUuM6PCYqB9tlj+wahsdJwfYy1RCCJxR4khYsYpgJzYR9om5/u5yP",
    "N4y8ERhmEY8w7QEEowocDJNNURtIqokojvcQn3YAnmLlfjqz6zxDKjgCzzLIcwgOK/B8uBCPTqqm2qchHMORq+yBmRFeeIE3qoWjzOhFa80eI5eX",
    "mMlxBCcUODlKv7x8AF5R4FWackJLIRz0qUF4rYJWLqppSTg9CK/TtTYAb/AudfAmc3nLcnmbXM4wl3cQvKvAeykKwtwkvC876ZeEgTT4gE2NNoDg",
    "rHU3ocG5jfRvPZ5CcH4bfFghO9a0uFhr0ehD1h3vhY8OzeF6Tjo9CBdozbpwOVTSd+BjGsQnYTIAPh2Ez2iL6NfMFG458LnsSKVS3dVtcoHnwtbw",
    "jwdx+uRsu2pjK5KWco1tcU0o2CC0tWs+JGmsGTPHsGELgRul+5ZI0vgYCeePKv/+efgeOacKp4oPxxcKVlxzONIy6YuJPcRtfdG59WTq3VO6FUvL",
    "BTecfdNMsyf5l7cQ9+qvFlwks+vKuEtXdG8W3HGyS2fu3tk5VaZlgpc/FCyWsuInxxCZQzx/LfgcwudpfI7hc5zMaStel/gsx2dNK8l1YLBnRQ15",
    "A5mm0qJ/4Ir+47R+2/v+LOTr57mm+tXmWD+SL/H/1j1fn4l/Xc7+JbSm8tfbdkzvX4QnifPHU7osF/vOoeYW+qw2hxpGZ+AfyNX/5AlyfNlMYviu",
    "48zfHuvBmSqGZXwMeAk0zjiGIWkvTf/8D7+TPdk5jXUrb41nf3lO6XdKE8Te/Pc3nfShvGnsg7x9fSi4Ijf7zp8vEf+J70cvzcC/IXf/w39dohU4",
    "O776+AzWX2Ou689hNd5/JthBYllyrLm6hP4CnDqWWj6WplCwRvr//sTxm4UXw9PXv9i2/Kz2n/P6C3iJ/0+nerdM+jvIRyYC+0tFSVZM4i9kUW1/",
    "ByjilL+6JeE1RNTaOzqvjRUIWp+otffjYk77S5Y2Y3zllm0/NntEcZazvTvy4rEssV8U29sgL24pFMUBUWzvYbz4aJa4VhTbGxAvnusVxXWi2N49",
    "+Jk6KoqzUrbv+rx27ixBm5WxfdvmtcdFbVbC9j2X15bNFrRZ+dr3S157RNTWi1r7TsdrS+cI2gZRa9+ZhDqL2kZRa99jeG15kaBtErX2/YFfHEds",
    "WmtPapPd7irr37c6F02mJ3y2Wr+GSi0i1pEfNlJHGfvuoPfy3UxTSsezsf8BI8CMEQ==",
  ],
  4: [
    "eNqll01sG0UUx2e964/E+cL0UAmEKnFxpJL6K05S0toxrYEugtAIhCxFYW1PYsPGa+2uQyoUEQlaAtoDagYEHFDFgRP0DAihqBe4gIToDQnlAuLE",
    "kQsi4c3axDOz7rrYI41sr9/v/d97M/tmd1mVFYQiEeQZUyiGNLNSq2/hc1XN1maar+rFwgQqcWNXeT8ZbANOtGLoOq7YdaNhESf6nFnFJq5eqlds",
    "sk+mr5K4I6+nU8QZsw3wO7PWsus6GMbWTFxu1fXqmo0blmGubaXAPh53whYYahuYOEGXALKoG5q90rm8TxwpQRy50mwRNWST51WkBlT5BlFlVbpB",
    "3qkFQNQmV8FkPZkltXA8XovURpzoU5q+zjpJktq4KrcdyNeJKl1nYaXM0ZMFN4hklvWQoh4CnRA8HuT1bKbrYPyS0SrrmMXTFJfauOTBA/V5Jvgn",
    "aprJshnf4AMtli1cszndWf+w62zeYys1w+Rqn/WNWq7DWp/Qo083OHauD8sWLPqM0dhg4XnfsJWyYehs0vCTpRd86ZBV0XTN/I+POoFkohvr9DRj",
    "GsSbTfsaa+luJNR2jXruxOBrNUPHLONunbHO+qkKMIrAjNqm1rCahoWrJ2Btp0sprpJEWbYMtlbXe9hHVMWbdMUwG9jsYR2EOyrQI6YI3m5qjSoT",
    "EaTCbuP2jQhl4LCRpmZqm9imWkHmzu9e3mcdZvx2yZ777W03/ga2bIhlB3qMUsW4Cd8caZt1NevnynIU4JuwXI7SMGxMq4e3bUJ/NTB51lH0umWT",
    "VRJXpSfzSrvfYUcu1zfIu+Nc12y1QHpkDZLRaNckroaDaEDhLWxa0BxB3LKs8syyGo5Iq59eXoQGSufyPXvxBIpwvfhcolhQ3E6M0EEODA6AzlNL",
    "I/bmeYQOD6jv386m3joN1+j0832W950sFuJCl7/3QIvoy+PXqdqViS+uhMBfyFdtEl0Q1CCVhfuW8+qjM3mqPvP1w3fouign6qinek5Qh2QfH1y9",
    "VPLL9EFBK1UsTCJP/HTs0jWE9cvD3IV5C+YBzEO6pkuwq2CegZlYorlu76xfTMAfiT6VFvXTPfUP3fq9vPn7CF+/yH3VLzNk/Wi+VP+70EP6IPqz",
    "Q+tPuTVVv1l9pb/+BCwSpw9LujiMfGk3l3fv1Vxxbm8A/fSw+h9/RMdXORrD9yuf/RXp3Dh+MSzyMcAWmB84hl30hpv+7R9/lcG53Ed6iZeG1b8w",
    "VPoldEzlzX9+0QMgEOgjX+Dls8XCxeHkS3ePqP7xD3tHA+jPDa//3p9HbgU+P7z84QD7b37Y/Sd1js2/j9uDxnL+g9zMlPsG4h9Lho9loVhIoP+v",
    "TxW/ffTOS/3rP8lsv85RPvT+S49S/Z8+2Xihqy/Rj5MI2CeEKU9M4huaSLPPABMc6QSR8EwhsuyJzrN/iGxSZNnzeJJjXwyJ7Ilw7yObHXc9sEeZ",
    "PR15OB8W4ZQIs8cgDx944LQIs2cYD5+KiHBGhNkDiIeJB54VYfb04Ffq1IgAe1Jmuz7PEpH1ZMy2bZ49PSqwnoTZnsuz+yLryZftlzwbiwpsVmTZ",
    "TsezN0V2TmTZziTUeUxg50WW7TE8e0tkF0SW7Q/85oiNI7EnLauh0NnO34/Ij3VNhc+lznvMzc4LDHBh+vnzA53G414LhtpMzLVv2/4LIBtcWw==",
  ],
};

/** The bytes of the file. */
export const torchFile = (protocol: 2 | 4): Uint8Array =>
  new Uint8Array(inflateSync(Buffer.from(deflated[protocol].join(""), "base64")));

const base = Array.from({ length: 12 }, (_, i) => i);

/** What `tensor.flatten().tolist()` gave, with halves as bits. */
export const torchTensors: Readonly<Record<string, readonly [dtype: string, shape: number[], values: unknown[]]>> = {
  f32: ["F32", [2, 3], [1.5, -2, 3.25, 0, Math.fround(1e-3), -7]],
  f16: ["F16", [3], [0x3c00, 0xb800, 0x7bff]],
  bf16: ["BF16", [2], [0x3f80, 0xc040]],
  f64: ["F64", [1], [0.1]],
  i8: ["I8", [3], [-128, 0, 127]],
  u8: ["U8", [2], [0, 255]],
  i16: ["I16", [1], [-300]],
  i32: ["I32", [1], [-70000]],
  i64: ["I64", [2], [2n ** 60n + 1n, -5n]],
  bool: ["BOOL", [2], [1, 0]],
  scalar: ["F32", [], [2.5]],
  empty: ["F32", [0, 3], []],
  whole: ["F32", [3, 4], base],
  transposed: ["F32", [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
  tail: ["F32", [4], [8, 9, 10, 11]],
  corner: ["F32", [2, 2], [5, 6, 9, 10]],
  expanded: ["F32", [2, 3], [7, 7, 7, 7, 7, 7]],
  parameter: ["F32", [1], [4]],
  "nested.deep.x": ["F32", [1], [9]],
};
