// An SMPP service by node-smpp: node server.cjs MODULES. It prints its port, then a line of JSON for each message it took.
// The second message of each connection is throttled; the one whose text has "drop" costs the connection; each that was
// taken gets two receipts, the second of them late.

const path = require("node:path");
const smpp = require(path.join(process.argv[2], "node_modules", "smpp"));

let number = 0xa0;

const server = smpp.createServer({}, (session) => {
  let count = 0;
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    const good = pdu.system_id === "gateway" && pdu.password === "secret";
    session.send(pdu.response({ command_status: good ? smpp.ESME_ROK : smpp.ESME_RBINDFAIL, system_id: "node" }));
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    count += 1;
    if (count === 2) return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    number += 1;
    const id = number.toString(16).toUpperCase();
    const { message, udh } = pdu.short_message;
    console.log(JSON.stringify({ id, to: pdu.destination_addr, from: pdu.source_addr, coding: pdu.data_coding,
      text: message, udh: udh ? [...Buffer.concat([].concat(udh).map((one) => Buffer.from(one)))] : null }));
    if (message.includes("drop")) return session.destroy();
    session.send(pdu.response({ message_id: id }));
    const receipt = () => session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
      short_message: `id:${number.toString(10)} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:`,
    });
    receipt();
    setTimeout(receipt, 100);
  });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
