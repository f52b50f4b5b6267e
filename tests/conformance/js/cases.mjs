// MQTT.js over mutual TLS, 3.1.1 and 5. Where to go comes as JSON in the one argument; "kill" on standard output asks for a
// kill -9 and a restart of the gateway, and a line on standard input says that it is back. Each failed case is one sentence.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const SOON_MS = 15_000
const QUIET_MS = 400
const where = JSON.parse(process.argv[2])
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function restart() {
  console.log('kill')
  assert.equal((await answers.next()).value, 'up')
}

async function until(true_, what) {
  const end = Date.now() + SOON_MS
  while (!true_()) {
    assert.ok(Date.now() < end, `${what} did not happen within ${SOON_MS / 1000} s`)
    await sleep(10)
  }
}

/** A client that keeps what it gets: `messages` of topic, text, QoS, retain flag and properties. */
class Client {
  constructor(name, version, options = {}) {
    const { id = name, clean = true, properties = {}, ...more } = options
    const lasting = version === 5 && !clean ? { sessionExpiryInterval: 300 } : {}
    this.messages = []
    this.present = []
    this.mqtt = mqtt.connect({
      protocol: 'mqtts', host: '127.0.0.1', port: where.port, clientId: id, clean, protocolVersion: version, keepalive: 30, reconnectPeriod: 0,
      ca: readFileSync(where.ca), cert: readFileSync(`${where.keys}/${name}.crt`), key: readFileSync(`${where.keys}/${name}.key`),
      ...(version === 5 ? { properties: { ...lasting, ...properties } } : {}), ...more,
    })
    this.mqtt.on('message', (topic, payload, packet) =>
      this.messages.push({ topic, text: payload.toString(), qos: packet.qos, retain: packet.retain, properties: packet.properties ?? {} }))
    this.mqtt.on('connect', (connack) => this.present.push(connack.sessionPresent))
    this.mqtt.on('error', (error) => { this.error = error })
  }

  async up() {
    await until(() => this.present.length > 0 || this.error, 'the connection')
    assert.equal(this.error, undefined)
    return this
  }

  async subscribe(filter, options) {
    const granted = await this.mqtt.subscribeAsync(filter, options)
    assert.deepEqual(granted.map((one) => one.qos), [options.qos], `SUBACK for ${filter}`)
    return this
  }

  publish(topic, text, options) {
    return this.mqtt.publishAsync(topic, text, options)
  }

  /** Waits for so many messages, and that no more come. */
  async got(count) {
    await until(() => this.messages.length >= count, `message ${count} (so far ${JSON.stringify(this.messages)})`)
    await sleep(QUIET_MS)
    assert.equal(this.messages.length, count, JSON.stringify(this.messages))
    return this.messages.splice(0)
  }

  texts(count) {
    return this.got(count).then((messages) => messages.map((one) => one.text))
  }

  leave() {
    return this.mqtt.endAsync()
  }

  die() {
    this.mqtt.stream.destroy()
    this.mqtt.end(true)
  }
}

const CASES = {
  async 'messages of each QoS come with theirs'(at) {
    const app = await (await at.app().up()).subscribe(at.topic('a'), { qos: 2 })
    const device = await at.device().up()
    for (const qos of [0, 1, 2]) await device.publish(at.topic('a'), `qos ${qos}`, { qos })
    const got = (await app.got(3)).map((one) => [one.qos, one.text])
    assert.deepEqual(got.sort(), [[0, 'qos 0'], [1, 'qos 1'], [2, 'qos 2']])
  },

  async 'a retained message meets who comes later'(at) {
    const device = await at.device().up()
    await device.publish(at.topic('r'), 'kept', { qos: 1, retain: true })
    const app = await (await at.app().up()).subscribe(at.topic('r'), { qos: 1 })
    assert.deepEqual((await app.got(1)).map((one) => [one.text, one.retain]), [['kept', true]])
    await device.publish(at.topic('r'), '', { qos: 1, retain: true })
  },

  async 'the will of a client that breaks off is published, that of one that leaves is not'(at) {
    const app = await (await at.app().up()).subscribe(at.topic('will'), { qos: 1 })
    const will = { topic: at.topic('will'), payload: Buffer.from('gone'), qos: 1 }
    await (await at.device({ will }).up()).leave()
    await app.got(0)
    const device = await at.device({ will }).up()
    device.die()
    assert.deepEqual(await app.texts(1), ['gone'])
  },

  async 'what is not its own is refused'(at) {
    const device = await at.device().up()
    const granted = await device.mqtt.subscribeAsync('commands/another/#', { qos: 1 }).catch((error) => [{ qos: error.message }])
    assert.ok(granted[0].qos >= 128 || /not authorized|unspecified/i.test(String(granted[0].qos)), `it was granted ${granted[0].qos}`)
  },

  async 'properties come unchanged, with topic aliases on both ways'(at) {
    if (at.version !== 5) return
    const app = await (await at.app({ properties: { topicAliasMaximum: 10 } }).up()).subscribe(at.topic('p'), { qos: 1, properties: { subscriptionIdentifier: 42 } })
    const device = await at.device({ autoUseTopicAlias: true }).up()
    const properties = { userProperties: { a: ['1', '2'], b: '3' }, contentType: 'text/plain', messageExpiryInterval: 60, correlationData: Buffer.from('\0x'), responseTopic: at.topic('answers') }
    for (let n = 0; n < 3; n++) await device.publish(at.topic('p'), String(n), { qos: 1, properties })
    for (const one of await app.got(3)) {
      assert.equal(one.topic, at.topic('p'))
      assert.deepEqual({ ...one.properties.userProperties }, properties.userProperties)
      assert.equal(one.properties.contentType, 'text/plain')
      assert.equal(one.properties.responseTopic, at.topic('answers'))
      assert.deepEqual(one.properties.correlationData, properties.correlationData)
      assert.equal(one.properties.subscriptionIdentifier, 42)
    }
  },

  async 'a session and what waits for it outlive kill -9'(at) {
    const app = await (await at.app({ clean: false }).up()).subscribe(at.topic('a'), { qos: 2 })
    await app.leave()
    const device = await at.device().up()
    for (const qos of [1, 2, 1, 2]) await device.publish(at.topic('a'), `qos ${qos}`, { qos })
    await restart()
    const again = await at.app({ clean: false }).up()
    assert.deepEqual(again.present, [true])
    assert.deepEqual((await again.texts(4)).sort(), ['qos 1', 'qos 1', 'qos 2', 'qos 2'])
  },

  async 'clients that connect again by themselves lose and double nothing over kill -9'(at) {
    const lasting = { clean: false, reconnectPeriod: 50 }
    const app = await (await at.app(lasting).up()).subscribe(at.topic('n'), { qos: 2 })
    const device = await at.device(lasting).up()
    const sent = []
    const confirmed = new Set() // MQTT.js gives up some that it is asked for while it connects: those may come or not
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 50; n++) {
        const number = sent.length
        sent.push(device.publish(at.topic('n'), String(number), { qos: 2 }).then(() => confirmed.add(number), () => {}))
      }
      await sleep(Math.random() * 20)
      await restart()
      await until(() => app.mqtt.connected && device.mqtt.connected, 'the next connection')
      await device.publish(at.topic('again'), '', { qos: 1 }) // only then what it keeps has been sent again
    }
    await Promise.all(sent)
    const numbers = () => app.messages.map((one) => Number(one.text))
    await until(() => [...confirmed].every((n) => numbers().includes(n)), 'every confirmed message')
    await sleep(QUIET_MS)
    assert.equal(new Set(numbers()).size, app.messages.length, `some came twice: ${numbers()}`)
    assert.ok(confirmed.size >= sent.length / 2, `${confirmed.size} of ${sent.length} were confirmed`)
    assert.ok(app.present.length > 3 && app.present.slice(1).every(Boolean), `session present: ${app.present}`)
  },
}

let failed = 0
for (const version of [4, 5]) {
  for (const [number, [sentence, story]] of Object.entries(CASES).entries()) {
    const clients = []
    const make = (name, options) => { clients.push(new Client(name, version, options)); return clients.at(-1) }
    const at = {
      version,
      topic: (rest) => `results/js-device/${version}/${number}/${rest}`,
      device: (options) => make('js-device', options),
      app: (options) => make('js-app', { id: `js-app.case-${version}-${number}`, ...options }),
    }
    const began = Date.now()
    try {
      await story(at)
      if (where.verbose) console.error(`${((Date.now() - began) / 1000).toFixed(2)} s  MQTT ${version}: ${sentence}`)
    } catch (error) {
      failed++
      console.error(`FAILED MQTT ${version}: ${sentence}\n  ${error.stack}`)
    }
    for (const client of clients) client.mqtt.end(true)
  }
}
console.log(`${2 * Object.keys(CASES).length - failed} of ${2 * Object.keys(CASES).length} cases hold`)
process.exit(failed ? 1 : 0)
