// Capture.java - a producer for Maxwell that prints what its Kafka producer would send: one line
// {"key":…,"value":…} a message. Given to it as custom_producer.factory.
import com.zendesk.maxwell.MaxwellContext;
import com.zendesk.maxwell.producer.AbstractProducer;
import com.zendesk.maxwell.producer.ProducerFactory;
import com.zendesk.maxwell.row.RowMap;

public class Capture implements ProducerFactory {
	@Override
	public AbstractProducer createProducer(MaxwellContext context) {
		return new AbstractProducer(context) {
			@Override
			public void push(RowMap row) throws Exception {
				String value = row.toJSON(outputConfig);
				if (value != null && row.shouldOutput(outputConfig)) {
					String key = row.pkToJson(RowMap.KeyFormat.HASH);
					String array = row.pkToJson(RowMap.KeyFormat.ARRAY);
					System.out.println("{\"key\":" + key + ",\"array\":" + array
							+ ",\"value\":" + value + "}");
				}
				context.setPosition(row.getNextPosition());
			}
		};
	}
}
