// Generated from packages/core/data (retrieved 2026-11) by scripts/generate-catalog.ts.
// Do not edit; change the data and run `npm run generate`.

/* Regions and geographies; a letter in `ROWS` is a position here in base 36. */
export const PLACES =
  "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 ap-southeast-3 apac au ca ca-central-1 eu eu-central-1 eu-north-1 eu-south-1 eu-west-1 eu-west-2 eu-west-3 global in inRegion jp sa-east-1 us us-gov us-gov-east-1 us-gov-west-1";

/*
 * One model a line: id (how many characters of the line before it keeps, in base 36, then the rest) | capabilities
 * (a base 3 number written in base 36, first one last: 0 unknown, 1 no, 2 yes) | context window in tokens | longest output in tokens |
 * prices in USD per million tokens (input, output, cache read, cache write, cache write for an hour, the same five
 * for long contexts, the number of tokens above which those apply) | profiles | smallest cacheable prefix in tokens |
 * regional prices (places * factor, or places = prices) | end of life | line of the replacement | Regions where it
 * is still active | date and prices of extended access.
 */
export const ROWS = `0ai21.j2-mid-v1|y8pv|8191|8191|12.5,12.5||||241004|7
8ultra-v1|y8pv|8191|8191|18.8,18.8||||241004|10
6amba-1-5-large-v1:0|13az8|256e3|4096|2,8||||261126|10
fmini-v1:0|13az8|256e3|4096|.2,.4||||261126|7
binstruct-v1:0|y8q4|7e4|4096|.5,.7||||250801|7
1mazon.nova-2-lite-v1:0|18fq8|1e6|64e3|.3,2.5,.075,.3|6ahkm|1000|6=.33,2.75,.0825 a=.374,3.157,.0935,.374 jm*1.1 k=.396,3.311,.099,.396
epro-preview-20251202-v1:0|18fq8|1e6|64e3|2.1875,17.5,.546875|6am
clite-v1:0|18e1h|3e5|1e4|.06,.24,.015,.06|68am|1000|6*1.05 8=.064,.256,.016,.064 a*1.15
cmicro-v1:0|18dsh|128e3|1e4|.035,.14,.00875,.035|6am|1000|6=.037,.148,.00925,.037 a=.04,.16,.01,.04
cpremier-v1:0|18e1h|1e6|1e4|2.5,12.5,.625,2.5|m|||260914|5
eo-v1:0|18e1h|3e5|1e4|.8,3.2,.2,.8|6am|1000|6*1.05 a*1.15 op=.96,3.84
7titan-text-express-v1|y8pv|8192|8192|.2,.6||||250815|7
ilite-v1|y8pv|4096|4096|.15,.2||||250815|8
ipremier-v1:0|y8pv|32e3|3072|.5,1.5||||250815|10
1nthropic.claude-3-5-haiku-20241022-v1:0|18dz8|2e5|8192|.8,4,.08,1|m|2048||260619|24
lsonnet-20240620-v1:0|18dh8|2e5|8192|3,15|6am||op*1.2|260301|37|123|2025-12-01,6,30,.6,7.5
w1022-v2:0|18e1h|2e5|8192|3,15,.3,3.75|6am|1024||260301|37|123|2025-12-01,6,30,.6,7.5
j7-sonnet-20250219-v1:0|18fq8|2e5|8192|3,15,.3,3.75|am|1024|p*1.2|260428|37|2f
jhaiku-20240307-v1:0|18dh8|2e5|4096|.25,1.25|6am||op*1.2|260910|24|1239l
jopus-20240229-v1:0|18dah|2e5|4096|15,75|am|||260115|30
jsonnet-20240229-v1:0|18dh8|2e5|4096|3,15|6am|||250721|37|239fl
hfable-5|197vgh|1e6|128e3|10,50,1,12.5,20|ahm|512|am*1.1
o-1|192t7h|1e6|128e3|10,50,.25,12.5,20|hm|512|m*1.1
p2|18xqyh|1e6|128e3|8,40,.2,10,16|hm||m*1.1
hhaiku-4-5-20251001-v1:0|17y66q|2e5|64e3|1,5,.1,1.25,2|67ahikm|4096|6=1.1,5.5,.11,1.375 7aikm*1.1 op*1.2
n5-5|197vgh|1e6|128e3|.1,.5,.01,.125,.2,.5,2.5,.05,.625,1,1e5|7ahkm||7akm*1.1
hinstant-v1|y8q4|1e5|8191|.8,2.4|||0=2.23,7.55 b=2.48,8.38|250721|24
hopus-4-1-20250805-v1:0|qv2sh|2e5|32e3|15,75,1.5,18.75|am|1024||270108|30
o20250514-v1:0|qv2sh|2e5|32e3|15,75,1.5,18.75|am|1024||260531|30
o5-20251101-v1:0|17y66q|2e5|64e3|5,25,.5,6.25,10|ahm|4096|am*1.1
o6-v1|imx6q|1e6|128e3|5,25,.5,6.25,10|7ahm|4096|7ajm*1.1
o7|189pah|1e6|128e3|5,25,.5,6.25,10|7ahkm|4096|7akm*1.1
o8|197vh8|1e6|128e3|5,25,.5,6.25,10|7ahkm|1024|7akm*1.1
m5|197vh8|1e6|128e3|5,25,.5,6.25,10|7ahikm|512|7aikm*1.1
n-5|197vgh|1e6|128e3|4,20,.2,5,8|7ahkm||7akm*1.1
hsonnet-4-20250514-v1:0|17y65z|2e5|64e3|3,15,.3,3.75,,6,22.5,.6,7.5,,2e5|6ahm|1024||261014|37
q5-20250929-v1:0|17y66q|2e5|64e3|3,15,.3,3.75,6,6,22.5,.6,7.5,12,2e5|7ahkmn|1024|7akm*1.1 n*1.2 op=3.6,18,.36,4.5,7.2|270408|37
q6|imx6q|1e6|64e3|3,15,.3,3.75,6|7ahkm|1024|7ajkm*1.1
o5|jl8ez|1e6|128e3|2,10,.2,2.5,4|7ahikm|1024|7aijkm*1.1
p-5|197vh8|1e6|128e3|2,10,.1,2.5,4|7ahm|512|7am*1.1
hv1|y8q4|1e5|8191|8,24||||240228|37
i2:1|y8q4|1e5|8191|8,24||||250721|37
0cohere.command-light-text-v14|y8pv|4096|4096|.3,.6||||250812|8
fr-plus-v1:0|13az8|128e3|4096|3,15||||260819|10
hv1:0|13az8|128e3|4096|.5,1.5||||260819|7
ftext-v14|y8pv|4096|4096|1.5,2||||250812|7
0deepseek.r1-v1:0|3ssz4|128e3|4096|1.35,5.4|m
9v3-v1:0|13coq|163840|81920|.58,1.68
b.2|13coq|163840|163840|.62,1.85|am||025acl=.74,2.22
0google.gemma-3-12b-it|13b28|128e3|8192|.09,.29
f27b-it|13b28|128e3|8192|.23,.38
f4b-it|13b0q|128e3|8192|.04,.08
d4-26b-a4b|13cph|262144|32768|.13,.4
f31b|13cph|262144|32768|.14,.4
fe2b|13cph|131072|8192|.04,.08
0meta.llama2-13b-chat-v1|y8q4|4096|4096|.75,1||||241030|59
c70b-chat-v1|y8q4|4096|4096|1.95,2.56||||241030|64
a3-1-405b-instruct-v1:0|13az5|128e3|4096|2.4,2.4|m|||260707|67
e70b-instruct-v1:0|13az5|128e3|4096|.72,.72|m
e8b-instruct-v1:0|13az5|128e3|4096|.22,.22|m
c2-11b-instruct-v1:0|13b1e|128e3|4096|.16,.16|m|||260707|68
fb-instruct-v1:0|y8q4|128e3|4096|.1,.1|am||a*1.3|260707|59
e3b-instruct-v1:0|y8q4|128e3|4096|.15,.15|am||a=.19,.19|260707|59
e90b-instruct-v1:0|13b1e|128e3|4096|.72,.72|m|||260707|67
c3-70b-instruct-v1:0|13az5|128e3|4096|.72,.72|m
c70b-instruct-v1:0|y8q4|8192|2048|2.65,3.5|||2*1.2 9=3.05,4.03 e=2.86,3.78 f=3.45,4.55 l=4.45,5.88
c8b-instruct-v1:0|y8q4|8192|2048|.3,.6|||2*1.2 9=.35,.69 e=.32,.65 f*1.3 l=.5,1.01
a4-maverick-17b-instruct-v1:0|13b1e|128e3|4096|.24,.97|m
cscout-17b-instruct-v1:0|13b1e|128e3|4096|.17,.66|m
1inimax.minimax-m2|13coq|128e3|8192|.3,1.2
i.1|13coq|196e3|8192|.3,1.2|||025bcdel*1.2 f=.47,1.86
j5|13coq|1e6|8192|.3,1.2|||025bcdel*1.2 4*1.03 f=.47,1.86
2stral.devstral-2-123b|13azz|256e3|8192|.4,2
8magistral-small-2509|13cqz|128e3|8192|.5,1.5
9inistral-3-14b-instruct|13b28|128e3|8192|.2,.2
k3b-instruct|13b28|128e3|8192|.1,.1
k8b-instruct|13b28|128e3|8192|.15,.15
astral-7b-instruct-v0:2|y8pv|32e3|8191|.15,.2|||g=.2,.26
glarge-2402-v1:0|14kje|32e3|8191|4,12|||g*1.3
p7-v1:0|14kje|128e3|8191|2,6
m3-675b-instruct|14kmh|128e3|8192|.5,1.5
gsmall-2402-v1:0|13az5|32e3|8191|1,3
axtral-8x7b-instruct-v0:1|y8pv|32e3|8191|.45,.7|||g=.59,.91
8pixtral-large-2502-v1:0|13b1e|128e3|4096|2,6|am
8voxtral-mini-3b-2507|13azz|128e3|8192|.04,.04
gsmall-24b-2507|13azz|128e3|8192|.1,.3
1oonshot.kimi-k2-thinking|13coq|262144|16e3|.6,2.5|||0l=.73,3.03 2=.71,2.94
8ai.kimi-k2.5|13cqz|262144|262144|.6,3|||025cl*1.2
h3|13db8|1048576|128e3|3,15,.3,3.75|hm|1024|m*1.1
i.1|13d9q|1048576|1048576|4,20,.2,5|hm||m*1.1
0nvidia.nemotron-nano-12b-v2|13b28|128e3|8192|.2,.6
l3-30b|13coq|262144|8192|.06,.24
l9b-v2|13azz|128e3|8192|.06,.23
gsuper-3-120b|13coq|256e3|32768|.15,.65
0openai.gpt-5.6-luna|qlidh|105e4|128e3|.2,1.2,.02,.25,,.4,1.8,.04,.5,,272e3|him|1024|ijm*1.1
fsol|qlidh|105e4|128e3|4,20,.4,5,,8,30,.8,10,,272e3|hm|1024|jm*1.1
fterra|qlidh|105e4|128e3|2,12,.2,2.5,,4,18,.4,5,,272e3|him|1024|ijm*1.1
b6-astra|qky4h|105e4|128e3|10,50,1,12.5,,20,75,2,25,,272e3|hm||jm*1.1
dluna|qky2z|105e4|128e3|.1,.5,.01,.125,,.2,.75,.02,.25,,272e3|hm||jm*1.1
dsol|qky2z|105e4|128e3|2,10,.2,2.5,,4,15,.4,5,,272e3|hm||jm*1.1
c.1-sol|qky2z|105e4|128e3|2,10,.1,2.5,,4,15,.2,5,,272e3|hm||jm*1.1
fterra|qky2z|105e4|128e3|1,5,.05,1.25,,2,7.5,.1,2.5,,272e3|hm||jm*1.1
boss-120b-1:0|13rvh|128e3|16384|.15,.6|n||n*1.2
f20b-1:0|13rvh|128e3|16384|.07,.3|n||n*1.2
fsafeguard-120b|13rvh|128e3|8192|.15,.6
p20b|13rvh|128e3|8192|.07,.2
0qwen.qwen3-235b-a22b-2507-v1:0|13coq|262144|131072|.22,.88
b32b-v1:0|13coq|131072|16384|.15,.6
bcoder-30b-a3b-v1:0|13coq|262144|131072|.15,.6
h480b-a35b-v1:0|13coq|262e3|65536|.45,1.8
hnext|13azz|262144|8192|.5,1.2|||025bdel*1.2 f=.78,1.86
bnext-80b-a3b|13azz|128e3|8192|.15,1.2
bvl-235b-a22b|13b1h|128e3|8192|.53,2.66
0writer.palmyra-x4-v1:0|13b5z|128e3|8192|2.5,10|m
g5-v1:0|13b5z|1e6|8192|.6,6|m
0xai.grok-4.3|yb0q|1e6|131072|1.25,2.5,.2
b6|yb0q|5e5|5e5|2,6,.5|hm||jm*1.1
b7|yb0q|5e5|5e5|2,6,.5|hm||m*1.1
0zai.glm-4.7|yae8|2e5|128e3|.6,2.2
b-flash|yae8|2e5|128e3|.07,.4
85|yae8|2e5|128e3|1,3.2
9.3|yayh|1e6|128e3|1.68,5.28,.312,2.1|hm||m*1.1`;
